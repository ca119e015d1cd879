"""Who is alive on this machine, and whose turn it is."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from emotune.errors import InputError
from emotune.search import presence
from emotune.search.presence import Presence, Slots, default_workers, n_cores, only_owner


@pytest.fixture
def other_process():
    """Start a Python process that runs some lines, says what it prints last, and then waits for its end."""
    started = []

    def start(lines):
        code = f"from pathlib import Path\n{textwrap.dedent(lines)}\nimport sys\nsys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": "src"},
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_cores_are_those_that_this_process_may_use():
    assert 1 <= n_cores() <= (os.cpu_count() or 1)


class TestTheQuotaOfAContainer:
    @pytest.fixture(autouse=True)
    def eight_cores(self, tmp_path, monkeypatch):
        monkeypatch.setattr(presence, "_CGROUPS", tmp_path)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("max 100000\n", 8),
            ("150000 100000\n", 2),
            ("400000 100000\n", 4),
            ("5000 100000\n", 1),
            ("6400000 100000\n", 8),
            ("garbage", 8),
            ("100 0", 8),
        ],
    )
    def test_of_version_2_limits_the_cores(self, tmp_path, content, expected):
        (tmp_path / "cpu.max").write_text(content)
        assert n_cores() == expected

    @pytest.mark.parametrize(("quota", "expected"), [("-1\n", 8), ("250000\n", 3), ("1000\n", 1)])
    def test_of_version_1_limits_the_cores(self, tmp_path, quota, expected):
        (tmp_path / "cpu").mkdir()
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
        (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
        assert n_cores() == expected

    def test_is_none_where_there_are_no_control_groups(self):
        assert n_cores() == 8

    @pytest.mark.parametrize(("free_gb", "expected"), [(0.1, 1), (0.9, 1), (2.5, 3), (100, 8)])
    def test_workers_are_no_more_than_memory_is_free_for(self, monkeypatch, free_gb, expected):
        import psutil

        class Memory:
            available = int(free_gb * 1e9)

        monkeypatch.setattr(psutil, "virtual_memory", Memory)
        assert default_workers() == expected

    @pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
    @pytest.mark.parametrize(("limit", "expected"), [("max\n", 8), ("2500000000\n", 3), ("1000\n", 1), ("9" * 19, 8)])
    def test_workers_are_no_more_than_a_container_has_memory_for(self, tmp_path, monkeypatch, name, limit, expected):
        import psutil

        class Memory:
            available = 10**12

        monkeypatch.setattr(psutil, "virtual_memory", Memory)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(limit)
        assert default_workers() == expected


class TestPresence:
    def test_a_file_that_cannot_be_deleted_is_no_error(self, tmp_path, monkeypatch):
        def refuse(path, missing_ok=False):
            raise PermissionError("in use by another process")

        mine, other = Presence(tmp_path), Presence(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.unlink", refuse)
            other.close()
            assert not mine.is_alive(other.name)
        assert not mine.is_alive(other.name)
        mine.close()

    def test_a_process_is_alive_to_itself_and_to_others(self, tmp_path, other_process):
        mine = Presence(tmp_path)
        _, theirs = other_process(f"""
            from emotune.search.presence import Presence
            presence = Presence(Path({str(tmp_path)!r}))
            print(presence.name, presence.is_alive({mine.name!r}), flush=True)
        """)
        name, _, seen = theirs.partition(" ")
        assert seen == "True"
        assert mine.is_alive(mine.name)
        assert mine.is_alive(name)
        mine.close()

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_a_killed_process_is_dead_at_once(self, tmp_path, other_process, how):
        process, name = other_process(f"""
            from emotune.search.presence import Presence
            presence = Presence(Path({str(tmp_path)!r}))
            print(presence.name, flush=True)
        """)
        mine = Presence(tmp_path)
        assert mine.is_alive(name)
        process.send_signal(how)
        process.wait()
        assert not mine.is_alive(name)
        assert not mine.is_alive(name)
        mine.close()

    def test_a_child_does_not_keep_a_dead_owner_alive(self, tmp_path, other_process):
        process, line = other_process(f"""
            import subprocess
            from emotune.search.presence import Presence
            presence = Presence(Path({str(tmp_path)!r}))
            child = subprocess.Popen(["sleep", "60"])
            print(presence.name, child.pid, flush=True)
        """)
        name, _, child = line.partition(" ")
        mine = Presence(tmp_path)
        try:
            process.kill()
            process.wait()
            assert not mine.is_alive(name)
        finally:
            os.kill(int(child), signal.SIGKILL)
            mine.close()

    def test_who_has_left_is_dead_and_leaves_nothing_behind(self, tmp_path):
        one, two = Presence(tmp_path), Presence(tmp_path)
        assert one.name != two.name
        assert one.is_alive(two.name)
        two.close()
        assert not one.is_alive(two.name)
        assert not one.is_alive("")
        assert not one.is_alive("nobody-0")
        one.close()
        assert list(tmp_path.iterdir()) == []


class TestSlots:
    def test_a_machine_has_as_many_as_it_was_given(self, tmp_path):
        slots = Slots(tmp_path / "slots", 2)
        first, second = slots.take(), slots.take()
        assert None not in (first, second)
        assert slots.take() is None
        first.release()
        third = slots.take()
        assert third is not None
        second.release()
        third.release()

    def test_processes_share_them_and_a_dead_one_holds_none(self, tmp_path, other_process):
        process, taken = other_process(f"""
            from emotune.search.presence import Slots
            slots = Slots(Path({str(tmp_path)!r}), 3)
            held = [slots.take(), slots.take()]
            print(sum(slot is not None for slot in held), flush=True)
        """)
        assert taken == "2"
        slots = Slots(tmp_path, 3)
        mine = slots.take()
        assert mine is not None
        assert slots.take() is None
        process.kill()
        process.wait()
        again = [slots.take(), slots.take()]
        assert None not in again
        assert slots.take() is None
        for slot in (mine, *again):
            slot.release()

    def test_machines_with_one_home_folder_have_their_own(self, tmp_path, monkeypatch):
        mine = Slots(tmp_path, 1).take()
        monkeypatch.setattr("socket.gethostname", lambda: "the/other one")
        theirs = Slots(tmp_path, 1).take()
        assert theirs is not None
        assert Slots(tmp_path, 1).take() is None
        mine.release()
        theirs.release()

    def test_a_folder_that_cannot_be_written_to_is_replaced_by_one_for_all_processes(self, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        monkeypatch.setattr("getpass.getuser", lambda: "ada")
        folder = tmp_path / "file" / "slots"
        slot = Slots(folder, 1).take()
        assert slot is not None
        assert len(list((tmp_path / "temporary" / "emotune-ada" / "slots").iterdir())) == 1
        assert Slots(folder, 1).take() is None
        slot.release()

    def test_taking_and_giving_back_leaks_no_file(self, tmp_path):
        slots = Slots(tmp_path, 2)
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        for _ in range(50):
            held = [slots.take(), slots.take(), slots.take()]
            for slot in held[:2]:
                slot.release()
        after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        assert after == before


class TestOnlyOwner:
    def test_a_second_process_is_told_what_to_do(self, tmp_path, other_process):
        path = tmp_path / "deep" / "study.lock"
        with only_owner(path, "Another process searches it. Use --study NAME."):
            _, said = other_process(f"""
                from emotune.search.presence import only_owner
                try:
                    only_owner(Path({str(path)!r}), "Another process searches it. Use --study NAME.").__enter__()
                except Exception as error:
                    print(type(error).__name__, error, flush=True)
            """)
        assert said == "InputError Another process searches it. Use --study NAME."

    def test_it_is_free_again_afterwards(self, tmp_path):
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), only_owner(tmp_path / "study.lock", "held"):
                with pytest.raises(InputError, match="held"), only_owner(tmp_path / "study.lock", "held"):
                    pass
                1 / 0  # noqa: B018
