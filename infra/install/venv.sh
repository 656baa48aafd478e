#!/bin/sh
# Create the virtual environment and install the locked packages into it, hashes checked, then this project.
#   venv.sh FOLDER PYTHON UV      UV may be empty; PYTHON may be empty if there is uv, which then brings one
set -eu
folder=$1 python=$2 uv=$3

if [ -z "$python" ] && [ -z "$uv" ]; then
    echo "install: expected Python 3.11 or 3.12 on PATH (python3, python3.12, python3.11), found none; install one" >&2
    exit 1
fi

if [ -n "$uv" ]; then
    [ -x "$folder/bin/python" ] || "$uv" venv --quiet --python "${python:-3.12}" "$folder"
else
    if [ ! -x "$folder/bin/python" ] && ! "$python" -m venv "$folder" 2>/dev/null; then
        rm -rf "$folder"
        # Debian keeps ensurepip in a package of its own.
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get install -y -qq python3-venv >/dev/null
            "$python" -m venv "$folder"
        else
            echo "install: $python -m venv does not work; on Debian: apt-get install python3-venv" >&2
            exit 1
        fi
    fi
    # pip installs the locked uv, which installs the rest in a fifth of the time.
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock > "$folder/uv.lock"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$folder/uv.lock"
    rm "$folder/uv.lock"
    uv="$folder/bin/uv"
fi
"$uv" pip install --quiet --python "$folder/bin/python" --require-hashes -r requirements.lock
"$uv" pip install --quiet --python "$folder/bin/python" --no-deps --no-build-isolation -e .
# uv leaves the packages as source, and every process would compile what it imports: seconds, where nothing may be written beside it.
"$folder/bin/python" -m compileall -q -j 0 "$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" || true
