"""The commit is read from git's own files, with or without git installed."""

from __future__ import annotations

from pathlib import Path

from flows.versions import commit, versions

HASH = "0123456789abcdef0123456789abcdef01234567"


def test_a_branch_is_followed_to_its_commit(tmp_path: Path) -> None:
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit(tmp_path) == ""
    (tmp_path / "packed-refs").write_text(f"# pack-refs with: peeled\n{HASH} refs/heads/main\n")
    assert commit(tmp_path) == HASH[:12]
    (tmp_path / "refs/heads").mkdir(parents=True)
    (tmp_path / "refs/heads/main").write_text(HASH[::-1] + "\n")
    assert commit(tmp_path) == HASH[::-1][:12]


def test_a_detached_head_names_its_commit(tmp_path: Path) -> None:
    (tmp_path / "HEAD").write_text(HASH + "\n")
    assert commit(tmp_path) == HASH[:12]


def test_without_a_checkout_the_release_is_stamped(tmp_path: Path) -> None:
    assert commit(tmp_path / "none") == ""
    assert versions().git
    assert versions().data == "events.v1"
