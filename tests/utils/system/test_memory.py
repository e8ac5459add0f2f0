"""How much memory is left, from the kernel's figures and a container's."""

from __future__ import annotations

import pytest

from utils.system.memory import available_memory, gigabytes

MEMINFO = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:    2000000 kB\n"
STAT = "anon 5\ninactive_file 300\nactive_file 40\nslab 7\n"


@pytest.fixture
def figures(tmp_path):
    """figures(memory.max=…) → the two places to look at."""

    def write(**files: str):
        (tmp_path / "meminfo").write_text(MEMINFO)
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path / "meminfo", tmp_path

    return write


def test_the_kernel_s_estimate(figures):
    assert available_memory(*figures()) == 2_000_000 * 1_024


def test_a_container_s_limit_less_what_programs_use(figures):
    assert available_memory(*figures(memory_max="5000\n", memory_current="4000\n", memory_stat=STAT)) == 1_340


def test_a_container_without_a_limit(figures):
    assert available_memory(*figures(memory_max="max\n", memory_current="4000\n")) == 2_000_000 * 1_024


def test_where_no_figures_are(tmp_path):
    found = available_memory(tmp_path / "none", tmp_path)
    assert found is None or found > 1 << 28


def test_this_machine():
    found = available_memory()
    assert found is None or found > 1 << 20


def test_a_size_in_words():
    assert gigabytes(98_000_000) == "0.1 GB"
