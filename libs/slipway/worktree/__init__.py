"""The repository: find Dockerfiles, list and hash the files that an image reads, name the contexts BuildKit is sent."""

from slipway.worktree.sources import folder_name
from slipway.worktree.statcache import StatCache
from slipway.worktree.tree import Files, Worktree

__all__ = ["Files", "StatCache", "Worktree", "folder_name"]
