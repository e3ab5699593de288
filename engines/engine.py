"""Starts and stops a small Flink or Spark cluster with Beam's job server, for tests and trials.

python engines/engine.py start flink DIR    a job manager, two task managers, a job server
python engines/engine.py start spark DIR    a master, two workers, a job server
python engines/engine.py stop flink|spark DIR

Everything lies under DIR: jars, state, one log and one .pid file a process. It needs Java 11 or 17
and Maven; Spark's jars come from pyspark's source archive. The job servers are class paths of
Beam's published jars, so no bundled jar is needed. About 3 GB of memory each.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

BEAM, SPARK = "2.70.0", "3.5.7"
PORTS = {"flink": 8099, "spark": 8199}  # Of the job servers.
_RUNNERS = {"flink": "beam-runners-flink-1.19", "spark": "beam-runners-spark-3"}
# The job service of 2.65 is the last whose jars resolve by themselves.
_PINNED = {
    "beam-runners-java-job-service": "2.65.0",
    "beam-sdks-java-harness": BEAM,
    "beam-sdks-java-expansion-service": BEAM,
}
_OPENS = [
    f"java.base/{package}"
    for package in (
        *(f"java.{p}" for p in ("io", "lang", "lang.invoke", "lang.reflect", "math", "net", "nio")),
        *(f"java.{p}" for p in ("text", "time", "util", "util.concurrent")),
        "java.util.concurrent.atomic",
        *(f"sun.{p}" for p in ("nio.ch", "nio.cs", "security.action", "util.calendar")),
    )
]
_FLINK_CONF = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: 6123
jobmanager.bind-host: localhost
jobmanager.memory.process.size: 1024m
taskmanager.bind-host: localhost
taskmanager.host: localhost
taskmanager.cpu.cores: 1.0
taskmanager.numberOfTaskSlots: 2
taskmanager.load-balance.mode: SLOTS
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 0b
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.network.min: 384m
taskmanager.memory.network.max: 384m
taskmanager.memory.segment-size: 8kb
taskmanager.memory.managed.size: 256m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
rest.address: localhost
rest.bind-address: localhost
rest.port: 8081
parallelism.default: 2
cluster.evenly-spread-out-slots: true
classloader.resolve-order: parent-first
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 1 s
heartbeat.interval: 2000
heartbeat.timeout: 8000
"""


def _pom(engine: str) -> str:
    def dependency(group: str, artifact: str, version: str) -> str:
        return (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )

    beam = "org.apache.beam"
    pinned = "".join(dependency(beam, *item) for item in _PINNED.items())
    wanted = dependency(beam, _RUNNERS[engine], BEAM)
    if engine == "flink":
        wanted += dependency("org.slf4j", "slf4j-simple", "2.0.16")
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>engines</groupId><artifactId>{engine}</artifactId><version>1</version>"
        "<packaging>pom</packaging>"
        f"<dependencyManagement><dependencies>{pinned}</dependencies></dependencyManagement>"
        f"<dependencies>{wanted}</dependencies></project>"
    )


def _jars(engine: str, folder: Path, name: str) -> Path:
    """Beam's jars for an engine, fetched once."""
    jars = folder / name
    if not jars.is_dir():
        (folder / "pom.xml").write_text(_pom(engine))
        partial = folder / f"{name}.partial"
        subprocess.run(
            ["mvn", "-B", "-q", "-U", "dependency:copy-dependencies", "-DincludeScope=runtime",
             f"-DoutputDirectory={partial}"],
            cwd=folder, check=True,
        )  # fmt: skip
        partial.rename(jars)
    return jars


def _stem(jar: Path) -> str:
    """A jar's name without its version."""
    words = jar.stem.split("-")
    count = next((i for i, word in enumerate(words) if word[:1].isdigit()), len(words))
    return "-".join(words[:count])


def _spark_home(folder: Path) -> Path:
    home = folder / "home"
    if not home.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
             "--no-build-isolation", "-d", folder, f"pyspark=={SPARK}"], check=True,
        )  # fmt: skip
        with tarfile.open(folder / f"pyspark-{SPARK}.tar.gz") as archive:
            # Python 3.11 has filters from 3.11.4 on.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(folder)
        home.symlink_to(f"pyspark-{SPARK}/deps")
    return home


def _launch(folder: Path, name: str, command: list[str], **environment: str) -> None:
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (folder / f"{name}.pid").write_text(str(process.pid))


def _java(*arguments: str) -> list[str]:
    opens = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS]
    # Plans with many operations and hubs make deep graphs of jobs.
    return ["java", "-Xss16m", "-XX:+IgnoreUnrecognizedVMOptions", *opens, *arguments]


def _job_server(engine: str, folder: Path) -> list[str]:
    port = PORTS[engine]
    return [
        "--job-host=localhost",
        f"--job-port={port}",
        f"--artifact-port={port - 1}",
        f"--expansion-port={port - 2}",
        f"--artifacts-dir={folder / 'artifacts'}",
    ]


def start_flink(folder: Path) -> None:
    """A job manager, two task managers with two slots each, and the job server."""
    _jars("flink", folder, "lib")
    for name in ("conf", "blob", "tmp", "artifacts"):
        (folder / name).mkdir(exist_ok=True)
    own = f"blob.storage.directory: {folder / 'blob'}\nio.tmp.dirs: {folder / 'tmp'}\n"
    (folder / "conf" / "flink-conf.yaml").write_text(_FLINK_CONF + own)
    runtime, conf = "org.apache.flink.runtime", ["--configDir", "conf"]
    entry = f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint"
    cluster = _java("-Xmx768m", "-cp", "lib/*", entry, *conf, "--executionMode", "cluster")
    _launch(folder, "jobmanager", cluster)
    for number in (1, 2):
        start_task_manager(folder, number)
    driver = "org.apache.beam.runners.flink.FlinkJobServerDriver"
    master = ["--flink-master=localhost:8081", f"--flink-conf-dir={folder / 'conf'}"]
    server = _java("-Xmx2g", "-cp", "lib/*", driver, *_job_server("flink", folder), *master)
    _launch(folder, "jobserver", server)
    _wait(lambda: b'"taskmanagers":2' in _get("http://localhost:8081/overview"), folder)


def start_task_manager(folder: Path, number: int) -> None:
    """One of Flink's task managers."""
    main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    memory = ("-Xmx768m", "-XX:MaxDirectMemorySize=900m")
    command = _java(*memory, "-cp", "lib/*", main, "--configDir", "conf")
    _launch(folder, f"taskmanager{number}", command)


def start_spark(folder: Path) -> None:
    """A master, two workers with one core each, and the job server."""
    home, jars = _spark_home(folder), _jars("spark", folder, "all")
    lib = folder / "lib"
    if not lib.is_dir():
        # Spark brings its own copies of most libraries: only what it lacks, and a newer guava.
        held = {_stem(jar) for jar in (home / "jars").iterdir()}
        lib.mkdir()
        for jar in jars.iterdir():
            if _stem(jar) == "guava" or _stem(jar) not in held:
                shutil.copy(jar, lib)
    for name in ("work", "artifacts"):
        (folder / name).mkdir(exist_ok=True)
    environment = {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_SCALA_VERSION": "2.12",
    }
    url, deploy = "spark://127.0.0.1:7077", "org.apache.spark.deploy"
    spark = ["-Xmx256m", "-cp", f"{home}/jars/*"]
    master = _java(*spark, f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", "7077")
    _launch(folder, "master", [*master, "--webui-port", "8181"], **environment)
    _wait(lambda: _listens(7077), folder)
    for number in (1, 2):
        work = str(folder / "work" / f"w{number}")
        worker = _java(*spark, f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--cores", "1")
        worker += ["--memory", "1g", "--work-dir", work, "--webui-port", f"818{number + 1}", url]
        _launch(folder, f"worker{number}", worker, SPARK_WORKER_DIR=work, **environment)
    settings = [
        "-Dspark.ui.enabled=false",
        "-Dspark.driver.host=127.0.0.1",
        "-Dspark.driver.bindAddress=127.0.0.1",
        f"-Dspark.local.dir={folder / 'work'}",
        "-Dspark.executor.memory=800m",
        f"-Dspark.executor.extraClassPath={lib}/*",
    ]
    driver = "org.apache.beam.runners.spark.SparkJobServerDriver"
    server = _java("-Xmx2g", *settings, "-cp", f"{lib}/*:{home}/jars/*", driver)
    options = [*_job_server("spark", folder), f"--spark-master-url={url}"]
    _launch(folder, "jobserver", [*server, *options], **environment)
    _wait(lambda: _listens(PORTS["spark"]), folder)


def stop(folder: Path) -> None:
    """Ends what was started, and removes its state; jars stay."""
    for file in folder.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGTERM)
        file.unlink()
    for name in ("blob", "tmp", "artifacts", "work"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def _wait(ready, folder: Path, seconds: float = 180) -> None:  # type: ignore[no-untyped-def]
    """Waits until `ready`, and the job server listens."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"It did not start in {seconds:.0f} s; see {folder}/*.log.")
        time.sleep(0.5)


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("engine", choices=tuple(PORTS))
    parser.add_argument("folder", type=Path)
    known = parser.parse_args()
    known.folder.mkdir(parents=True, exist_ok=True)
    folder = known.folder.resolve()
    if known.action == "stop":
        stop(folder)
        return
    {"flink": start_flink, "spark": start_spark}[known.engine](folder)
    _wait(lambda: _listens(PORTS[known.engine]), folder)
    print(f"{known.engine}: job server at localhost:{PORTS[known.engine]}, logs in {folder}")


if __name__ == "__main__":
    main()
