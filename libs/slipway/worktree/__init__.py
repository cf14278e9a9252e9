"""The repository: find Dockerfiles, list and hash the files that an image reads, name the contexts BuildKit is sent."""

from slipway.worktree.definitions import beside
from slipway.worktree.files import Files
from slipway.worktree.sources import folder_name
from slipway.worktree.statcache import StatCache
from slipway.worktree.tree import Worktree

__all__ = ["Files", "StatCache", "Worktree", "beside", "folder_name"]
