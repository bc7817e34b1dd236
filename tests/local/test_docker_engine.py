"""Engines that clones start for themselves, side by side: real dockerds, real containers."""

from __future__ import annotations

import http.client
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import docker
import docker.errors
import pytest

from local import docker_engine, docker_network, preflight
from local.emulator import process
from local.layout import Layout, LocalError
from tests.http_servers import listening
from tests.local.emulated import free_port
from tests.local.emulator_world import make_service, prepared, wait_for
from tests.local.images import build_server

NAME = "server"


@pytest.fixture(scope="module", autouse=True)
def own_engines(docker_host: None) -> None:
    """`docker_host` installs dockerd where it may, so it comes first."""
    if os.getuid() != 0 or shutil.which("dockerd") is None or preflight.missing_network_tools():
        pytest.skip("a Docker engine of one's own needs root, dockerd, ip and iptables")


class Own:
    """A clone with an engine of its own."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.layout = Layout(root)
        self.client: docker.DockerClient | None = None

    def start(self) -> docker.DockerClient:
        self.client = docker.DockerClient(docker_engine._start(self.layout, print), timeout=60)
        return self.client

    def stop(self) -> bool:
        if self.client is not None:
            self.client.close()
        return docker_engine.stop(self.layout, print)

    @property
    def subnet(self) -> IPv4Network:
        assert self.client is not None
        return IPv4Network(self.client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"])

    def serve(self, binary: Path, says: str, port: int | None = None) -> str:
        """The address of a container that answers `says`, also at `port` of this machine."""
        assert self.client is not None
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(binary, "server")
        self.client.api.import_image_from_data(packed.getvalue(), repository="server", tag="1")
        container = self.client.containers.run(
            "server:1",
            ["/server"],
            name=NAME,
            environment={"VERSION": says},
            ports={"8080/tcp": port} if port else {},
            detach=True,
        )
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])

    def reaches(self, url: str) -> bool:
        """Whether a container of this engine gets an answer."""
        assert self.client is not None
        hosts = {"host.docker.internal": "host-gateway"}
        try:
            self.client.containers.run("server:1", ["/server", "probe", url], remove=True, extra_hosts=hosts)
        except docker.errors.ContainerError:
            return False
        return True


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_server(tmp_path_factory.mktemp("server"))


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Callable[[str], Own]]:
    made: list[Own] = []

    def make(name: str) -> Own:
        made.append(Own(tmp_path / name))
        return made[-1]

    yield make
    for own in made:
        own.stop()


def answer(address: str, port: int = 8080) -> str:
    """What answers at an address; empty where nothing does."""
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().partition(" ")[0]
    except OSError:
        return ""
    finally:
        connection.close()


@contextmanager
def this_machine(address: str) -> Iterator[tuple[str, int]]:
    """A server on one address of this machine."""
    with listening(ThreadingHTTPServer((address, 0), SimpleHTTPRequestHandler)) as server:
        yield address, int(server.server_address[1])


def interfaces() -> str:
    return subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout


def rules() -> str:
    shown = [["iptables", "-w", "-t", table, "-S"] for table in ("filter", "nat")]
    return "".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in shown)


def rules_without_other_clones(*own: Own) -> list[str]:
    """The machine's rules, without those of clones that are not these: their engines start and end meanwhile."""
    ours = {docker_network.bridge(clone.layout) for clone in own}
    of_a_clone = re.compile(rf"{docker_network.PREFIX}[0-9a-f]+")
    return [line for line in rules().splitlines() if ours.issuperset(of_a_clone.findall(line))]


def test_two_engines_side_by_side_share_nothing(clone: Callable[[str], Own], binary: Path) -> None:
    one, other = clone("one"), clone("other")
    before = rules_without_other_clones(one, other)
    one.start()
    with_one = rules_without_other_clones(one, other)
    assert len(with_one) > len(before)
    other.start()
    assert not one.subnet.overlaps(other.subnet)
    assert set(with_one) <= set(rules_without_other_clones(one, other)), "the second engine took rules away"

    port = free_port()
    here = one.serve(binary, "one", port)
    there = other.serve(binary, "other")
    assert IPv4Address(here) in one.subnet
    assert IPv4Address(there) in other.subnet
    assert wait_for(lambda: answer(here) == "one", seconds=10)
    assert wait_for(lambda: answer(there) == "other", seconds=10)
    assert answer("127.0.0.1", port) == "one"

    assert one.reaches(f"http://{here}:8080/")
    assert not one.reaches(f"http://{there}:8080/"), "a container of the other engine"
    # The way in which tasks reach the emulator.
    with this_machine(str(one.subnet.network_address + 1)) as address:
        assert one.reaches(f"http://host.docker.internal:{address[1]}/")

    for own in (one, other):
        assert own.stop()
        assert not own.stop(), "there is nothing left to end"
        assert docker_network.bridge(own.layout) not in interfaces() + rules()
    assert rules_without_other_clones(one, other) == before


def test_an_emulator_on_such_an_engine_reaches_its_tasks_and_they_reach_it(
    clone: Callable[[str], Own], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = clone("emulated")
    own.start()
    host = f"unix://{preflight.own_docker_socket(own.layout.root)}"
    monkeypatch.setenv("DOCKER_HOST", host)
    settings = process.EmulatorSettings(folder=tmp_path / "run", docker_host=host, port=free_port())
    try:
        emulator = process.start(settings, print)
        service = make_service(prepared(emulator, tmp_path / "run", tmp_path), "own")
        service.create(service.revision("", "own"), count=1)
        assert wait_for(lambda: service.targets() == [("healthy", "")]), service.describe()
        assert service.get() == (200, "own uid=65532")
        (container,) = service.containers()
        assert IPv4Address(container.attrs["NetworkSettings"]["IPAddress"]) in own.subnet
        variables = dict(variable.split("=", 1) for variable in container.attrs["Config"]["Env"])
        metadata = f"{variables['ECS_CONTAINER_METADATA_URI_V4']}/task"
        assert container.exec_run(["/server", "probe", metadata]).exit_code == 0
    finally:
        process.stop(tmp_path / "run", print)


def test_a_killed_engine_leaves_nothing_that_the_next_one_or_down_does_not_take_away(
    clone: Callable[[str], Own], binary: Path
) -> None:
    own = clone("killed one")
    own.start()
    subnet, address = own.subnet, own.serve(binary, "before")
    assert wait_for(lambda: answer(address) == "before", seconds=10)
    _kill(own)
    own.start()
    assert own.subnet == subnet
    assert not own.client.containers.list()  # type: ignore[union-attr] # it was started just now
    own.client.containers.get(NAME).start()  # type: ignore[union-attr] # as above
    assert wait_for(lambda: answer(address) == "before", seconds=10)

    _kill(own)
    assert own.stop()
    assert docker_network.bridge(own.layout) not in interfaces() + rules()
    assert answer(address) == ""
    assert not docker_engine._processes(own.layout)


def test_what_was_forgotten_is_taken_away_all_the_same(clone: Callable[[str], Own]) -> None:
    own = clone("forgotten")
    own.start()
    for mount in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if str(own.layout.docker) in mount:
            subprocess.run(["umount", "-l", mount.split()[1]], check=False)
    shutil.rmtree(own.layout.local)
    assert own.stop()
    assert docker_network.bridge(own.layout) not in interfaces()
    assert docker_engine.running_pid(own.layout) is None


def test_a_bridge_of_somebody_else_is_left_alone(clone: Callable[[str], Own]) -> None:
    own = clone("foreign")
    name = docker_network.bridge(own.layout)
    subprocess.run(["ip", "link", "add", "name", name, "type", "bridge"], check=True)
    try:
        with pytest.raises(LocalError, match=f"{name} is not one that this clone made"):
            own.start()
        assert not own.stop()
        assert name in interfaces()
    finally:
        subprocess.run(["ip", "link", "delete", "dev", name], check=True)
    assert docker_engine.running_pid(own.layout) is None


def _kill(own: Own) -> None:
    pid = docker_engine.running_pid(own.layout)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert wait_for(lambda: docker_engine.running_pid(own.layout) is None, seconds=10)
    time.sleep(0.5)
    assert preflight.find_docker(own.layout.root).host != f"unix://{preflight.own_docker_socket(own.layout.root)}"
