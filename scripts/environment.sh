# shellcheck shell=bash
# Sourced by scripts/run, scripts/test and scripts/lint: finds a Python, keeps the checkout's own
# .venv as the requirements files say, and gets system packages where it may. Everything can be
# called again and again; what is already right costs milliseconds.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"
OLDEST_PYTHON="3.11"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '\033[1m→ %s\033[0m\n' "$*" >&2; }

fail() {
    printf '\033[31m✗ %s\033[0m\n' "$*" >&2
    exit 1
}

# Colours are for people: a log file gets plain text.
if [ ! -t 2 ] || [ -n "${NO_COLOR:-}" ]; then
    say() { printf -- '-> %s\n' "$*" >&2; }
    fail() {
        printf 'ERROR: %s\n' "$*" >&2
        exit 1
    }
fi

# --- system packages ---------------------------------------------------------------------------

# as_root COMMAND...: runs it as root, by sudo where needed; status 1 when that cannot be had.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        sudo "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# install_system WHY PACKAGE...: installs Debian packages, or says which command would.
install_system() {
    local why=$1
    shift
    say "$why: installing $*"
    if command -v apt-get >/dev/null &&
        as_root apt-get update -qq >/dev/null &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then
        return
    fi
    fail "$why. Please install it and start again; on Debian or Ubuntu: sudo apt-get install $*"
}

# --- Python ------------------------------------------------------------------------------------

is_recent() {
    "$1" -c "import sys; sys.exit(sys.version_info[:2] < (${OLDEST_PYTHON/./, }))" >/dev/null 2>&1
}

# Prints the command of a Python that is new enough; the default one first, since it is the one
# whose packages the machine keeps.
find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13 python3.14 python; do
        if command -v "$name" >/dev/null && is_recent "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# Debian and Ubuntu keep the part of Python that makes environments in a package of its own.
can_make_environment() {
    "$1" -c "import venv, ensurepip" >/dev/null 2>&1
}

ensure_environment() {
    if [ -x "$PYTHON" ] && is_recent "$PYTHON" && "$PYTHON" -c "import pip" >/dev/null 2>&1; then
        return
    fi
    local python version
    if ! python=$(find_python); then
        install_system "Python $OLDEST_PYTHON or newer is missing" python3 python3-venv
        python=$(find_python) ||
            fail "This system's Python is older than $OLDEST_PYTHON. Please install a newer one (https://www.python.org/downloads/) and start again."
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! can_make_environment "$python"; then
        install_system "Python $version has no venv module" "python$version-venv"
        can_make_environment "$python" || fail "$python still cannot make environments (import venv, ensurepip)."
    fi
    say "Making .venv with Python $version"
    # --clear: what an interrupted run or a Python that is gone left behind must not stay.
    "$python" -m venv --clear "$VENV" || fail "Could not make $VENV, see above."
}

# --- packages ----------------------------------------------------------------------------------

# fingerprint FILE...: changes whenever one of the files or the environment's Python does.
fingerprint() {
    { cat "$@" && cat "$VENV/pyvenv.cfg"; } | sha256sum | cut -d' ' -f1
}

# up_to_date NAME FILE...: is the environment as these requirements files say?
up_to_date() {
    local stamp="$VENV/.$1.installed"
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$@")" ]
}

mark_up_to_date() {
    local stamp="$VENV/.$1.installed"
    shift
    fingerprint "$@" >"$stamp"
}

# --use-pep517: the pip that comes with Debian warns at length about packages of the old kind.
pip_install() { "$PYTHON" -m pip install --quiet --use-pep517 "$@"; }

install_failed() { fail "Installing the Python packages failed, see above. Start again to go on from here."; }

# What the app needs.
ensure_app_packages() {
    local files=("$ROOT/requirements.txt")
    up_to_date app "${files[@]}" && return
    say "Installing the app's packages into .venv (once; a minute or two)"
    pip_install -r "$ROOT/requirements.txt" || install_failed
    mark_up_to_date app "${files[@]}"
}

# torch as a CPU build, for the plain one brings gigabytes of CUDA on Linux. The build is named by
# its version, so it comes from wherever pip is set up to look, or from the PyTorch project's own
# index. Where neither has it (macOS, where every build is one for the CPU; a mirror of PyPI only)
# the plain one has to do.
ensure_torch() {
    local files=("$ROOT/requirements-torch.txt") version
    up_to_date torch "${files[@]}" && return
    version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' "$ROOT/requirements-torch.txt")
    say "Installing torch $version for the CPU into .venv (once; about 200 MB)"
    if ! pip_install "torch==$version+cpu" 2>/dev/null &&
        ! pip_install --retries 1 --timeout 20 "torch==$version+cpu" --extra-index-url https://download.pytorch.org/whl/cpu; then
        say "No CPU build of torch $version can be reached; installing the plain one, which can be several GB"
        pip_install "torch==$version" || install_failed
    fi
    mark_up_to_date torch "${files[@]}"
}

# What tests and checks need: the app's packages, torch, the tools.
ensure_dev_packages() {
    local files=("$ROOT"/requirements*.txt)
    ensure_torch
    up_to_date dev "${files[@]}" && return
    say "Installing the packages of the app and its tests into .venv (once; a minute or two)"
    pip_install -r "$ROOT/requirements-dev.txt" -r "$ROOT/requirements-torch.txt" || install_failed
    mark_up_to_date dev "${files[@]}"
    mark_up_to_date app "$ROOT/requirements.txt"
}

# A second client to test with, whose package has the name of the first one's.
ensure_funasr_python() {
    local files=("$ROOT/requirements-funasr-python.txt")
    up_to_date funasr-python "${files[@]}" && return
    say "Installing funasr-python into a folder of its own in .venv"
    rm -rf "$VENV/funasr-python"
    pip_install --no-deps --target "$VENV/funasr-python" -r "${files[0]}" || install_failed
    mark_up_to_date funasr-python "${files[@]}"
}

# Gradio's client in JavaScript, for the test that calls the app with it; without npm that test is left out.
ensure_gradio_client() {
    command -v npm >/dev/null || return 0
    [ -d "$VENV/npm/node_modules/@gradio/client" ] && return
    say "Installing @gradio/client into a folder of its own in .venv"
    npm install --prefix "$VENV/npm" --no-audit --no-fund --silent "@gradio/client@2.7.0" || say "npm failed; the test of that client is left out"
}

# --- KenLM ---------------------------------------------------------------------------------------

KENLM="0.3.0"

ensure_kenlm() {
    [ -x "$VENV/bin/lmplz" ] && return
    local missing=() sources
    command -v cmake >/dev/null || missing+=(cmake)
    command -v make >/dev/null || missing+=(make)
    command -v c++ >/dev/null || missing+=(g++)
    for library in program-options system thread test; do
        dpkg -s "libboost-$library-dev" >/dev/null 2>&1 || missing+=("libboost-$library-dev")
    done
    [ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
    [ ${#missing[@]} -eq 0 ] || install_system "KenLM is built from its sources" "${missing[@]}"
    say "Building KenLM $KENLM's lmplz into .venv (once; about a minute)"
    sources=$(mktemp -d)
    if ! build_kenlm "$sources" >"$sources/log" 2>&1; then
        tail -n 20 "$sources/log" >&2
        fail "KenLM could not be built, see above."
    fi
    rm -rf "$sources"
}

build_kenlm() {
    local folder=$1
    "$PYTHON" -m pip download --quiet --no-deps --no-binary kenlm --dest "$folder" "kenlm==$KENLM" &&
        tar -xzf "$folder/kenlm-$KENLM.tar.gz" -C "$folder" &&
        cmake -S "$folder/kenlm-$KENLM" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release &&
        cmake --build "$folder/build" --target lmplz --parallel "$(nproc)" &&
        install "$(find "$folder" -name lmplz -type f -perm -u+x | head -n 1)" "$VENV/bin/lmplz"
}

# --- the browser tests' needs --------------------------------------------------------------------

ensure_browser() {
    local missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    # The node inside Playwright is linked with it, and the smallest systems leave it out.
    "$PYTHON" -c "import ctypes; ctypes.CDLL('libatomic.so.1')" 2>/dev/null || missing+=(libatomic1)
    # Without a Chinese font every screenshot is full of empty boxes.
    fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fontconfig fonts-noto-cjk)
    [ ${#missing[@]} -eq 0 ] || install_system "The browser tests need Chromium and a Chinese font" "${missing[@]}"
}

# --- the database tests' needs -------------------------------------------------------------------

# The app itself needs no database server: its default is SQLite.
ensure_postgresql() {
    command -v postgres >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null && return
    install_system "The tests of another database need PostgreSQL" postgresql
}

# --- the message broker tests' needs -------------------------------------------------------------

# The app itself needs no broker: without one its own process works on the trainings of language
# models. The tests start a broker of their own; the service that Debian's package brings is not used.
ensure_rabbitmq() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && return
    install_system "The tests of workers on other machines need RabbitMQ" rabbitmq-server
}
