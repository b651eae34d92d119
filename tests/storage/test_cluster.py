"""`--engine ray` on a real cluster of two nodes on this machine, over a real S3 API: workers and
a node that die in the middle of a clip, a store that fails, and nothing lost or left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner
from stores import KEY, SECRET, Failing, keys

from redact.batch import BatchReport, Job, Outcome, RayOptions, State, cluster, plan, run_batch
from redact.batch.record import Recipe
from redact.cli import cli
from redact.config import Config, MotionOptions, load_zone
from redact.errors import ConfigError
from redact.geometry import Zone
from redact.storage import ObjectPath
from redact.storage.store import call
from redact.storage.upload import put

ray = pytest.importorskip("ray", reason="ray has no wheel for this platform")


@pytest.fixture(scope="module")
def store(moto: tuple[str, int]) -> Iterator[Failing]:
    """The store as the nodes know it: their environment is that of their start."""
    with Failing(*moto).running() as failing, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_ENDPOINT_URL", failing.url)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield failing


@pytest.fixture(scope="module")
def nodes(store: Failing) -> Iterator[Any]:  # noqa: ARG001 - its environment
    """A cluster of two nodes with one processor each."""
    from ray._private import services
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "get_node", _patiently(services.get_node))
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **memory})
        made.add_node(num_cpus=1, object_store_memory=80 << 20)
    yield made
    made.shutdown()


def _patiently(look: Any) -> Any:
    """Ray gives a node 30 s to come up, which a busy machine may exceed."""

    def looking(*where: Any) -> Any:
        end = time.monotonic() + 120
        while True:
            try:
                return look(*where)
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    return looking


@pytest.fixture
def bucket(store: Failing, clips: Path) -> ObjectPath:
    """A bucket with the clips below `in/`."""
    store.calm()
    made = ObjectPath.of(f"c-{uuid.uuid4().hex[:12]}")
    call("create_bucket", str(made), Bucket=made.bucket)
    for path in sorted((clips / "in").rglob("*.*")):
        put(made / "in" / path.relative_to(clips / "in").as_posix(), path.read_bytes())
    return made


@pytest.fixture(scope="module")
def local(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local")
    config = Config(zone=load_zone(clips / "zone.json"), models=())
    assert run_batch(plan([clips / "in"], out), config).exit_code == 0
    return out


class Told:
    """Counts what a listener hears."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.frames: dict[str, int] = {}
        self.warnings: list[str] = []

    def started(self, job: Job) -> None:
        self.begun.append(job.name)

    def opened(self, job: Job, frames: int | None) -> None: ...

    def advanced(self, job: Job, frames: int) -> None:
        self.frames[job.name] = frames

    def finished(self, outcome: Outcome) -> None:
        self.ended.append(outcome.job.name)

    def warned(self, message: str) -> None:
        self.warnings.append(message)


class Background:
    """A run on the cluster in a thread, so that a test can do harm meanwhile."""

    def __init__(self, bucket: ObjectPath, clips: Path, address: str, **more: Any) -> None:
        self.jobs = plan([bucket / "in"], bucket / "out")
        self.told, self.stop = Told(), threading.Event()
        self.crew: cluster.RayCrew | None = None
        self._config = Config(zone=load_zone(clips / "zone.json"), models=())
        self._ray = RayOptions(address, **more)
        self._report: BatchReport | BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        enter = cluster.RayCrew.__enter__

        def entering(crew: cluster.RayCrew) -> cluster.RayCrew:
            self.crew = crew
            return enter(crew)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster.RayCrew, "__enter__", entering)
            try:
                self._report = run_batch(
                    self.jobs,
                    self._config,
                    workers=None,
                    ray=self._ray,
                    listener=self.told,
                    stop=self.stop,
                )
            except BaseException as error:  # noqa: BLE001 - raised in the test
                self._report = error

    def start(self) -> Background:
        self._thread.start()
        return self

    def result(self) -> BatchReport:
        self._thread.join(180)
        assert not self._thread.is_alive()
        if isinstance(self._report, BaseException):
            raise self._report
        assert self._report is not None
        return self._report

    def busy(self) -> list[int]:
        """The processes that work on clips."""
        members = self.crew.members if self.crew else []
        return [m.pid for m in members if m.pid is not None and m.job is not None]


def _until(what: Any, seconds: float = 140) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


OUTPUTS = ["a.mp4", "b.mkv", "deep/c.mp4"]
THERE = sorted(f"out/{name}{end}" for name in OUTPUTS for end in ("", ".redact.json"))


def written(bucket: ObjectPath) -> list[str]:
    return [key for key in keys(bucket) if not key.startswith("in/")]


def check_outputs(bucket: ObjectPath, local: Path) -> None:
    """All there, pixel by pixel as the local run makes them, and nothing else."""
    assert written(bucket) == THERE
    assert all(same(frames(bucket / f"out/{name}"), frames(local / name)) for name in OUTPUTS)


Frames = list[tuple[int | None, np.ndarray]]


def frames(place: ObjectPath | Path) -> Frames:
    """Time and picture of each."""
    with av.open(place.open("rb")) as file:
        return [(f.pts, f.to_ndarray()) for f in file.decode(video=0)]


def same(ours: Frames, theirs: Frames) -> bool:
    return len(ours) == len(theirs) and all(
        a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in zip(ours, theirs, strict=True)
    )


def test_a_cluster_over_a_store_that_fails_a_fifth_of_all_calls_gives_the_local_outputs(
    nodes: Any, store: Failing, bucket: ObjectPath, clips: Path, local: Path
) -> None:
    store.share = 0.2
    run = Background(bucket, clips, nodes.address).start()
    report = run.result()
    store.share = 0.0
    assert [o.error for o in report.failures] == []
    assert report.count(State.DONE) == 3
    assert store.failed > 5
    assert sorted(run.told.begun) == sorted(run.told.ended) == ["a.mp4", "b.mkv", "deep/c.avi"]
    check_outputs(bucket, local)


@pytest.mark.parametrize("whose", ["the worker's", "Ray's"])
def test_a_worker_that_dies_in_the_middle_costs_no_clip_and_leaves_nothing(
    nodes: Any, store: Failing, bucket: ObjectPath, clips: Path, local: Path, whose: str
) -> None:
    """Each worker process belongs to one of Ray's; either may die."""
    store.hold = ("partNumber=1", "out/.a")
    run = Background(bucket, clips, nodes.address).start()
    _until(lambda: store.held)
    store.hold = ()
    workers = run.busy()
    for pid in workers:
        os.kill(pid if whose == "the worker's" else _parent(pid), signal.SIGKILL)
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    _until(lambda: len(run.told.ended) == 3)
    store.released.set()  # what the dead had sent arrives only now
    report = run.result()
    assert report.count(State.DONE) == 3
    assert sorted(run.told.begun) == sorted(run.told.ended)
    check_outputs(bucket, local)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_clip_that_kills_its_workers_is_set_aside_with_its_error(
    nodes: Any, store: Failing, bucket: ObjectPath, clips: Path
) -> None:
    store.hold = ("partNumber=1", "out/.a")
    run = Background(bucket, clips, nodes.address, attempts=1).start()
    _until(lambda: store.held and len(run.told.ended) == 2)
    store.hold = ()
    for pid in run.busy():
        os.kill(pid, signal.SIGKILL)
    report = run.result()
    store.released.set()
    assert report.exit_code == 1
    assert [(o.job.name, "set aside" in o.error) for o in report.failures] == [("a.mp4", True)]
    assert written(bucket) == [key for key in THERE if not key.startswith("out/a.mp4")]


def test_a_stop_ends_the_clips_that_run_and_leaves_nothing(
    nodes: Any, store: Failing, bucket: ObjectPath, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE", 1.0)
    store.hold = ("partNumber=1", "out/.")
    run = Background(bucket, clips, nodes.address).start()
    _until(lambda: store.held)
    _until(lambda: any(run.told.frames.values()))  # progress comes here meanwhile
    run.stop.set()
    report = run.result()
    store.released.set()
    assert report.count(State.STOPPED) == 3
    assert written(bucket) == []


def test_pieces_of_a_clip_run_on_the_cluster_and_are_joined_as_here(
    nodes: Any, bucket: ObjectPath, tmp_path: Path
) -> None:
    clip = tmp_path / "c.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=8", "-g", "10"]
    subprocess.run(["ffmpeg", "-v", "error", *picture, str(clip)], check=True)
    put(bucket / "long/c.mp4", clip.read_bytes())
    config = Config(zone=Zone.nothing(), models=(), motion=MotionOptions(warmup_alone=0.5))
    jobs = plan([bucket / "long"], bucket / "out")
    report = run_batch(jobs, config, workers=None, ray=RayOptions(nodes.address), split=2.0)
    assert [outcome.error for outcome in report.failures] == []
    assert "pieces" in report.outcomes[0].record["notes"][-1]  # type: ignore[index]
    assert written(bucket) == ["long/c.mp4", "out/c.mp4", "out/c.mp4.redact.json"]
    assert run_batch(plan([clip], tmp_path / "out.mp4"), config, split=2.0).exit_code == 0
    ours, theirs = frames(bucket / "out/c.mp4"), frames(tmp_path / "out.mp4")
    assert len(ours) == 80
    assert same(ours, theirs)


def test_the_command_line_says_the_same_as_without_a_cluster(
    nodes: Any, bucket: ObjectPath, clips: Path
) -> None:
    where = [
        "run",
        f"{bucket}/in",
        "-o",
        f"{bucket}/out",
        "--zone",
        str(clips / "zone.json"),
        "--model",
        "none",
    ]
    on_ray = ["--engine", "ray", "--address", nodes.address]
    put(bucket / "in/bad.mp4", b"no video")
    done = CliRunner().invoke(cli, [*where, *on_ray])
    assert done.exit_code == 5
    assert "4 files: 3 done, 1 failed" in done.output
    assert "bad.mp4: is not a video file" in done.output
    manifest = json.loads((bucket / "out/redact.manifest.json").read_bytes())
    assert manifest["counts"] == {"done": 3, "skipped": 0, "failed": 1, "stopped": 0}
    again = CliRunner().invoke(cli, [*where, "--json", "--quiet"])
    assert again.exit_code == 5
    assert json.loads(again.stdout)["counts"]["skipped"] == 3
    for secret in (KEY, SECRET):
        assert secret not in done.output + again.output + json.dumps(manifest)


def test_the_benchmark_of_the_engine_runs(nodes: Any) -> None:
    from benchmarks.engine import measure

    result = measure(clips=2, frames=10, jobs=2, rounds=1, address=nodes.address)
    assert [len(rows) for rows in result["rounds"].values()] == [1, 1]
    assert all(row["work"] > 0 for rows in result["rounds"].values() for row in rows)


def test_what_a_cluster_cannot_do_is_refused(clips: Path, tmp_path: Path) -> None:
    jobs = plan([clips / "in"], tmp_path / "out")
    config = Config(zone=load_zone(clips / "zone.json"), models=())
    with pytest.raises(ConfigError, match="no Ray cluster at 127"):
        run_batch(jobs, config, ray=RayOptions("127.0.0.1:1"))
    words = ["run", str(clips / "in"), "-o", str(tmp_path / "out"), "--everyone"]
    done = CliRunner().invoke(cli, [*words, "--gpus", "1"])
    assert done.exit_code == 2
    assert "belong to --engine ray" in done.output
    log = ["--audit", str(tmp_path / "log"), "--engine", "ray"]
    assert "neither seals" in CliRunner().invoke(cli, [*words, *log]).output
    assert not (tmp_path / "out").exists()


def test_cards_are_asked_of_the_cluster_and_one_without_is_refused(
    nodes: Any, bucket: ObjectPath, clips: Path
) -> None:
    """Ray counts cards as it is told, so none is needed here."""
    where = ["run", f"{bucket}/in", "-o", f"{bucket}/out", "--everyone", "--model", "none"]
    on_ray = ["--engine", "ray", "--address", nodes.address, "--gpus", "0.5"]
    refused = CliRunner().invoke(cli, [*where, *on_ray])
    assert refused.exit_code == 2
    assert refused.output.count("\n") == 1
    assert "--gpus 0.5: the Ray cluster has 0;" in refused.output
    assert written(bucket) == []
    with_card = nodes.add_node(num_cpus=2, num_gpus=1, object_store_memory=80 << 20)
    try:
        recipe = Recipe.of(Config(zone=load_zone(clips / "zone.json"), models=()))
        with cluster.RayCrew(None, 9, recipe, False, RayOptions(nodes.address, 0.5)) as crew:
            assert len(crew.members) == 2
            _until(lambda: ray.available_resources().get("GPU", 0) == 0)
    finally:
        nodes.remove_node(with_card)


def test_z_a_node_that_dies_in_the_middle_costs_no_clip_and_leaves_nothing(
    nodes: Any, store: Failing, bucket: ObjectPath, clips: Path, local: Path
) -> None:
    """The last one: the cluster has one node afterwards."""
    store.hold = ("partNumber=1", "out/.")
    run = Background(bucket, clips, nodes.address).start()
    _until(lambda: store.held == 2)  # both nodes are in the middle of a clip
    store.hold = ()
    second = next(iter(nodes.worker_nodes))
    nodes.remove_node(second, allow_graceful=False)
    store.released.set()
    report = run.result()
    assert [o.error for o in report.failures] == []
    assert report.count(State.DONE) == 3
    assert sorted(run.told.begun) == sorted(run.told.ended)
    check_outputs(bucket, local)
