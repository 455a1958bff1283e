"""The fingerprint of a host says what the kernel exposes, and nothing else, on machines unlike this one."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

import pytest
from in_one_test import in_one_test

from rnnedge_runtime.host import fingerprint, throttling, warnings_of
from rnnedge_runtime.host._sysfs import as_spans, spans

Tree = Mapping[str, str]

# Of this very interpreter, whatever the files say.
EVERYWHERE = {"architecture", "system", "python", "numpy", "onnxruntime", "rnnedge", "providers"}

POLICY = "sys/devices/system/cpu/cpufreq/policy"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"

RASPBERRY: Tree = {
    "proc/cpuinfo": "".join(f"processor\t: {n}\nBogoMIPS\t: 108.00\nCPU part\t: 0xd08\n\n" for n in range(4))
    + "Revision\t: c03114\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/self/status": "Name:\tpython3\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\n",
    "proc/meminfo": "MemTotal:        3885396 kB\nMemFree:         2951840 kB\n",
    "proc/loadavg": "0.17 0.11 0.05 1/152 1093\n",
    "sys/devices/system/cpu/online": "0-3\n",
    f"{POLICY}0/scaling_governor": "ondemand\n",
    f"{POLICY}0/scaling_min_freq": "600000\n",
    f"{POLICY}0/scaling_max_freq": "1800000\n",
    f"{POLICY}0/scaling_cur_freq": "700000\n",
    f"{POLICY}0/affected_cpus": "0 1 2 3\n",
    FIRMWARE: "50000\n",
    "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
    "proc/self/mountinfo": "29 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
    "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
}

V2 = "sys/fs/cgroup"
CONTAINER_V2: Tree = {
    ".dockerenv": "",
    "proc/cpuinfo": "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6148\n"
    "flags\t\t: fpu hypervisor\n",
    "proc/self/status": "Cpus_allowed_list:\t2-3\n",
    "proc/loadavg": "9.50 1.00 0.50 1/152 1093\n",
    "proc/self/cgroup": "0::/\n",
    "proc/self/mountinfo": "700 699 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
    "sys/devices/system/cpu/online": "0-7\n",
    f"{V2}/cpu.max": "50000 100000\n",
    f"{V2}/memory.max": "536870912\n",
    f"{V2}/cpuset.cpus.effective": "2-3\n",
    f"{V2}/cpu.stat": "usage_usec 9000\nnr_periods 40\nnr_throttled 7\nthrottled_usec 350000\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "2\n",
}

V1 = "sys/fs/cgroup/{}/docker/4f2a"
CONTAINER_V1: Tree = {
    "proc/self/status": "Cpus_allowed_list:\t0\n",
    "proc/self/cgroup": "5:memory:/docker/4f2a\n4:cpu,cpuacct:/docker/4f2a\n3:cpuset:/docker/4f2a\n"
    "1:name=systemd:/docker/4f2a\n0::/\n",
    "proc/self/mountinfo": "".join(
        f"3{n} 30 0:3{n} / /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n"
        for n, name in enumerate(("memory", "cpu,cpuacct", "cpuset"))
    )
    + "41 30 0:41 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    f"{V1.format('cpu,cpuacct')}/cpu.cfs_quota_us": "150000\n",
    f"{V1.format('cpu,cpuacct')}/cpu.cfs_period_us": "100000\n",
    f"{V1.format('cpu,cpuacct')}/cpu.stat": "nr_periods 9\nnr_throttled 0\nthrottled_time 0\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    f"{V1.format('memory')}/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "1073741824\n",
    f"{V1.format('cpuset')}/cpuset.effective_cpus": "0\n",
    "sys/fs/cgroup/unified/cpu.stat": "usage_usec 9000\n",
}


def plant(root: Path, tree: Tree) -> Path:
    """The files of `tree` under `root`."""
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def exposed(root: Path) -> dict[str, str]:
    """What the fingerprint says beyond the versions of this interpreter."""
    facts = fingerprint(root)
    assert set(facts) >= EVERYWHERE
    return {name: fact for name, fact in facts.items() if name not in EVERYWHERE}


def test_a_raspberry_pi_tells_board_clock_and_power_supply(tmp_path: Path) -> None:
    """Names, the policy's governor and limits, and what the firmware saw since boot."""
    facts = exposed(plant(tmp_path, RASPBERRY))
    assert facts == {
        "processor": "Raspberry Pi 4 Model B Rev 1.4",
        "cores": "4",
        "governor": "ondemand",
        "frequency": "600-1800 MHz, now 700 MHz",
        "memory": "3794 MiB",
        "load": "0.17",
        "throttled": "under-voltage, throttled",
    }
    assert [line.partition(":")[0] for line in warnings_of(facts)] == ["governor ondemand", "throttled before this run"]


def test_a_processor_with_a_name_of_its_own_leaves_the_board_beside_it(tmp_path: Path) -> None:
    """As kernels of 32 bits write it."""
    facts = exposed(plant(tmp_path, {**RASPBERRY, "proc/cpuinfo": "model name\t: ARMv7 Processor rev 3 (v7l)\n"}))
    assert (facts["processor"], facts["board"]) == ("ARMv7 Processor rev 3 (v7l)", "Raspberry Pi 4 Model B Rev 1.4")


def test_a_container_tells_its_limits_in_version_2(tmp_path: Path) -> None:
    """Half a core, half a gigabyte, two processors of eight, and how often the quota stopped it."""
    facts = exposed(plant(tmp_path, CONTAINER_V2))
    assert facts == {
        "processor": "Intel(R) Xeon(R) Gold 6148",
        "cores": "2",
        "cpu quota": "0.5 cores",
        "cpuset": "2-3",
        "memory limit": "512 MiB",
        "load": "9.50",
        "throttled": "cpu quota, 7 periods, heat, 5 events",
        "virtual machine": "yes",
        "container": "docker",
    }
    assert [line.partition(":")[0] for line in warnings_of(facts)] == [
        "cpu quota 0.5 cores",
        "load 9.5 on 2 cores",
        "throttled before this run",
    ]


def test_a_container_tells_its_limits_in_version_1(tmp_path: Path) -> None:
    """The tightest of a group and those above it; one and a half cores are no reason to warn."""
    facts = exposed(plant(tmp_path, CONTAINER_V1))
    assert facts == {
        "cores": "1",
        "cpu quota": "1.5 cores",
        "cpuset": "0",
        "memory limit": "1024 MiB",
        "container": "docker",
    }
    assert warnings_of(facts) == []


def test_a_tighter_group_above_counts(tmp_path: Path) -> None:
    """The quota of a slice holds for a session in it, and its stops are the session's."""
    tree = {
        **RASPBERRY,
        "sys/fs/cgroup/user.slice/cpu.max": "200000 100000\n",
        "sys/fs/cgroup/user.slice/cpu.stat": "nr_throttled 4\nthrottled_usec 9\n",
        "sys/fs/cgroup/user.slice/user-1000.slice/cpu.max": "25000 100000\n",
        "sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope/cpu.max": "max 100000\n",
        "sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope/cpu.stat": "nr_throttled 0\nthrottled_usec 0\n",
    }
    assert fingerprint(plant(tmp_path, tree))["cpu quota"] == "0.25 cores"
    assert throttling(tmp_path).quota_periods == 4


def test_a_container_that_sees_the_host_s_path_finds_its_own_group(tmp_path: Path) -> None:
    """Docker without a cgroup namespace: the path is the host's, the mount is the container's group."""
    mount = "700 699 0:26 /docker/4f2a /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
    for number, path in enumerate(("0::/docker/4f2a\n", "0::/../4f2a\n", "0::/elsewhere/4f2a\n")):
        tree = {**CONTAINER_V2, "proc/self/mountinfo": mount, "proc/self/cgroup": path}
        assert fingerprint(plant(tmp_path / str(number), tree))["cpu quota"] == "0.5 cores"


def test_policies_that_differ_are_told_apart(tmp_path: Path) -> None:
    """Little and big cores: each group with its processors; equal policies are one."""
    clocks = {0: ("schedutil", 600, 1400), 1: ("schedutil", 600, 1400), 4: ("performance", 800, 2400)}
    tree: dict[str, str] = {}
    for number, (governor, low, high) in clocks.items():
        tree |= {
            f"{POLICY}{number}/scaling_governor": governor,
            f"{POLICY}{number}/scaling_min_freq": f"{low}000",
            f"{POLICY}{number}/scaling_max_freq": f"{high}000",
            f"{POLICY}{number}/scaling_cur_freq": f"{low + 100 * number}000",
            f"{POLICY}{number}/affected_cpus": str(number),
        }
    facts = exposed(plant(tmp_path, tree))
    assert facts == {
        "governor": "schedutil (cpus 0-1); performance (cpus 4)",
        "frequency": "600-1400 MHz, now 600-700 MHz (cpus 0-1); 800-2400 MHz, now 1200 MHz (cpus 4)",
    }
    assert "governor schedutil:" in warnings_of(facts)[0] and "performance," not in warnings_of(facts)[0]


def test_a_machine_that_exposes_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    """An empty root gives the versions and no more; nothing is known to be wrong."""
    assert exposed(tmp_path) == {}
    assert warnings_of(fingerprint(tmp_path)) == []
    nothing = throttling(tmp_path)
    assert set(vars(nothing).values()) == {None}
    assert nothing.since(nothing) == ()


def test_files_with_other_words_are_as_good_as_none(tmp_path: Path) -> None:
    """A kernel that writes what we do not know leaves the fact out, and raises nothing."""
    trees: list[Tree] = [RASPBERRY, CONTAINER_V2, CONTAINER_V1]
    for number, words in enumerate(("", "?", "\x00\xff: \n\n:", "-\n- - -\n0::\n", "<unknown>")):
        root = plant(tmp_path / str(number), {name: words for tree in trees for name in tree})
        facts = exposed(root)
        assert set(facts) <= {"processor", "board", "governor", "container"}, facts
        assert set(vars(throttling(root)).values()) == {None}
        warnings_of(facts)


def test_a_run_that_was_throttled_says_so(tmp_path: Path) -> None:
    """Counters before and after: only what rose in between, in one line each."""
    before = throttling(plant(tmp_path, CONTAINER_V2))
    assert before.since(before) == ()
    plant(
        tmp_path,
        {
            f"{V2}/cpu.stat": "nr_periods 80\nnr_throttled 27\nthrottled_usec 1350000\n",
            "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "4\n",
        },
    )
    lines = throttling(tmp_path).since(before)
    assert len(lines) == 2
    assert "20 periods, for 1000 ms" in lines[0] and "heat slowed cores down, 1 events" in lines[1]


@in_one_test(
    ("before", "after", "words"),
    [
        ("50000", "50000", None),
        ("0", "20002", "frequency capped"),
        ("0", "40000", "throttled"),
        ("50005", "50000", "under-voltage, throttled"),
        ("0x0", "0x80008", "soft temperature limit"),
    ],
)
def test_the_firmware_of_a_pi_tells_what_happened_meanwhile(
    before: str, after: str, words: str | None, tmp_path: Path
) -> None:
    """What began before the run and had ended does not count; what holds at either end does."""
    first = throttling(plant(tmp_path, {FIRMWARE: before}))
    lines = throttling(plant(tmp_path, {FIRMWARE: after})).since(first)
    assert lines == (() if words is None else (f"throttled: the firmware tells of {words}",))


def test_lists_of_processors_are_read_as_the_kernel_writes_them() -> None:
    """Spans, commas and blanks."""
    assert spans("0-2,4, 7\n") == [0, 1, 2, 4, 7]
    assert spans("0 1 3") == [0, 1, 3] and spans("") == []
    assert as_spans([4, 0, 1, 2, 7]) == "0-2,4,7" and as_spans([]) == ""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the files are Linux's")
def test_this_machine_is_read_as_the_system_calls_tell_it() -> None:
    """Cores and memory of the files agree with those that the C library gives."""
    facts = fingerprint()
    assert facts["cores"] == str(len(os.sched_getaffinity(0)))
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    assert facts["memory"] == f"{total} MiB"
    assert facts["system"].endswith(platform.release())
