"""What has to be there before anything is measured: packages, builds, and why one is missing.

Everything goes to target/compare and stays there; what is built already is not built again. A step
that cannot be done leaves its peers out, with the reason that the page then gives.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .peers import BUILT, ROOT, SOURCES

SOCKUDO = "5.2.0"
CENTRIFUGO = "github.com/centrifugal/centrifugo/v6@latest"
GO_SOURCES = Path("/usr/share/gocode/src/github.com/gorilla/websocket")
PROTOBUF_SOURCES = Path("/usr/include/google/protobuf/timestamp.proto")

REASON_LENGTH_MAX = 200
STEP_S_MAX = 3600


class Missing(Exception):
    """Why something is not there, in a line."""


@dataclass
class Step:
    """What became of one step."""

    name: str
    reason: str | None
    seconds: float


class Installer:
    def __init__(self, may_install: bool):
        self.may_install = may_install
        self.logs = ROOT / BUILT / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def run(self, names: list[str]) -> dict[str, Step]:
        return {name: self.step(name) for name in names}

    def step(self, name: str) -> Step:
        start = time.monotonic()
        reason = None
        print(f"preparing {name}", file=sys.stderr)
        try:
            STEPS[name](self)
        except Missing as missing:
            reason = str(missing)
            print(f"  left out: {reason}", file=sys.stderr)
        return Step(name, reason, time.monotonic() - start)

    def command(self, name: str, command: list[str], env: dict[str, str] | None = None, cwd=ROOT):
        """Runs a command; what it prints goes to a log, its last words are the reason."""
        log = self.logs / f"{name}.log"
        with open(log, "w", encoding="utf-8") as out:
            try:
                done = subprocess.run(
                    command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=subprocess.STDOUT, check=False, timeout=STEP_S_MAX,
                )
            except subprocess.TimeoutExpired:
                raise Missing(f"`{command[0]}` was not done after {STEP_S_MAX} s") from None
        if done.returncode != 0:
            raise Missing(last_words(log.read_text(encoding="utf-8", errors="replace")))

    def need(self, program: str, package: str):
        if not shutil.which(program):
            self.debian(program, package)

    def debian(self, what: str, package: str):
        if not self.may_install or not shutil.which("apt-get"):
            raise Missing(f"{what} is not installed (on Debian: apt-get install {package})")
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        self.command("apt-update", [*as_root, "apt-get", "update", "-qq"])
        install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        self.command(f"apt-{package}", [*as_root, *install], env)

    def demand_built(self, path: str):
        if not self.may_install and not (ROOT / path).exists():
            raise Missing("it is not built, and nothing was to be installed")


def last_words(text: str) -> str:
    """The line that says what went wrong, without addresses of hosts."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|panicked|cannot|could not|no such|go: ",
                                                   line, re.IGNORECASE)]
    line = (telling or lines or ["it said nothing"])[-1]
    line = re.sub(r"\"?\w+://\S+\"?:?\s*", "", line)
    line = re.sub(r"lookup \S+ on \S+", "lookup:", line)
    return line[:REASON_LENGTH_MAX]


def shardwire(installer: Installer):
    installer.command("shardwire", ["cargo", "build", "--release", "--quiet"])


def rust(installer: Installer):
    installer.need("cc", "gcc")
    target = ["--target-dir", f"{BUILT}/cargo"]
    manifest = ["--manifest-path", f"{SOURCES}/Cargo.toml"]
    offline = [] if installer.may_install else ["--offline"]
    build = ["cargo", "build", "--release", "--locked", "--quiet", *manifest, *target, *offline]
    installer.command("rust", build)


def node(installer: Installer):
    installer.need("node", "nodejs")
    folder = ROOT / BUILT / "node"
    wanted = (ROOT / SOURCES / "node" / "package.json").read_text(encoding="utf-8")
    have = folder / "package.json"
    if have.exists() and have.read_text(encoding="utf-8") == wanted and is_installed(folder):
        return
    installer.demand_built(f"{BUILT}/node/node_modules/.package-lock.json")
    installer.need("npm", "npm")
    folder.mkdir(parents=True, exist_ok=True)
    have.write_text(wanted, encoding="utf-8")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"]
    installer.command("node", ["npm", "install", *quiet], cwd=folder)


def is_installed(folder: Path) -> bool:
    return (folder / "node_modules" / ".package-lock.json").exists()


def sockudo(installer: Installer):
    program = f"{BUILT}/sockudo/bin/sockudo"
    if (ROOT / program).exists():
        return
    installer.demand_built(program)
    installer.need("protoc", "protobuf-compiler")
    if not PROTOBUF_SOURCES.exists():
        installer.debian("protobuf's own definitions", "libprotobuf-dev")
    features = ["--no-default-features", "--features", "local"]
    places = ["--root", f"{BUILT}/sockudo", "--target-dir", f"{BUILT}/sockudo-build"]
    install = ["cargo", "install", "sockudo", "--version", SOCKUDO, "--locked", "--quiet"]
    installer.command("sockudo", ["nice", "-n", "10", *install, *features, *places])


def gorilla(installer: Installer):
    program = ROOT / BUILT / "gorilla"
    if program.exists() and program.stat().st_mtime > newest(ROOT / SOURCES / "gorilla"):
        return
    installer.demand_built(f"{BUILT}/gorilla")
    installer.need("go", "golang-go")
    if not GO_SOURCES.exists():
        try:
            installer.debian("gorilla/websocket", "golang-github-gorilla-websocket-dev")
        except Missing:
            return gorilla_as_module(installer, program)
    places = {"GOPATH": "/usr/share/gocode", "GOCACHE": f"{ROOT}/{BUILT}/go/cache"}
    env = {**places, "GO111MODULE": "off"}
    build = ["go", "build", "-o", str(program), "."]
    return installer.command("gorilla", build, env, cwd=ROOT / SOURCES / "gorilla")


def gorilla_as_module(installer: Installer, program: Path):
    folder = ROOT / BUILT / "go" / "gorilla"
    shutil.copytree(ROOT / SOURCES / "gorilla", folder, dirs_exist_ok=True)
    build = ["go", "build", "-mod=mod", "-o", str(program), "."]
    installer.command("gorilla", build, go_env(), cwd=folder)


def newest(folder: Path) -> float:
    return max(path.stat().st_mtime for path in folder.iterdir())


def centrifugo(installer: Installer):
    program = f"{BUILT}/go/bin/centrifugo"
    if (ROOT / program).exists():
        return
    installer.demand_built(program)
    if not shutil.which("go"):
        raise Missing("there is no Go toolchain")
    installer.command("centrifugo", ["go", "install", CENTRIFUGO], go_env())


def go_env() -> dict[str, str]:
    folder = f"{ROOT}/{BUILT}/go"
    return {"GOPATH": folder, "GOBIN": f"{folder}/bin", "GOCACHE": f"{folder}/cache",
            "GOTOOLCHAIN": "local"}


STEPS = {
    "shardwire": shardwire,
    "rust": rust,
    "node": node,
    "sockudo": sockudo,
    "gorilla": gorilla,
    "centrifugo": centrifugo,
}
