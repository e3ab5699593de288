#!/bin/sh
# The command of --environment_type=PROCESS: a worker in the Python that $PYTHON names.
exec "${PYTHON:-python3}" "$(dirname "$0")/boot.py" "$@"
