"""Names the commits between which a merge, a rebase or the like is at work."""

from collections.abc import Iterator

from sync.git.process import run_git
from sync.git.repository import Repository
from sync.ids import ObjectId

_HEADS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD")


def commits_at_work(repository: Repository) -> list[ObjectId]:
    """HEAD and the commits whose content git brings to it just now; none if it does not."""
    if repository.in_progress() is None:
        return []
    return list(dict.fromkeys(_at_work(repository)))


def command_to_go_on(repository: Repository) -> str | None:
    """The command that ends a merge or the like once all is resolved; None if there is none."""
    operation = repository.in_progress()
    if operation in {None, "merge"}:
        return None if operation is None else "git commit"
    command = f"git {operation.removeprefix('git ')}"
    is_empty = not run_git(repository.work_tree, "diff-index", "--cached", "HEAD").stdout
    # git makes no empty commit of these two by itself.
    skips = is_empty and operation in {"cherry-pick", "revert"}
    return f"{command} --skip" if skips else f"{command} --continue"


def _at_work(repository: Repository) -> Iterator[ObjectId]:
    if (head := repository.commit_of("HEAD")) is not None:
        yield head
    for name in _HEADS:
        written = repository.git_directory / name
        if written.is_file():
            yield from map(ObjectId, written.read_text().split())
    # What a revert brings is what its commit's parent had.
    if (repository.git_directory / "REVERT_HEAD").is_file() and (
        parent := repository.commit_of("REVERT_HEAD^")
    ):
        yield parent
