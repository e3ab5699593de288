"""Starts one Beam SDK worker for ``--environment_type=PROCESS``.

The runner passes an id and an endpoint to ask for the rest, no more.
"""

from __future__ import annotations

import argparse

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor


def main() -> None:
    """Asks where the runner is, and serves it until it closes the channel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    known, _ = parser.parse_known_args()
    worker = known.id.strip("'")  # Prism quotes it.
    channel = grpc.intercept_channel(
        grpc.insecure_channel(known.provision_endpoint), WorkerIdInterceptor(worker)
    )
    stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
    info = stub.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest()).info
    SdkHarness(info.control_endpoint.url, worker_id=worker, state_cache_size=100 << 20).run()


if __name__ == "__main__":
    main()
