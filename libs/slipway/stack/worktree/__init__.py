"""The repository: find Dockerfiles, list and hash the files that an image reads, name the contexts BuildKit is sent."""

from slipway.stack.worktree.definitions import beside
from slipway.stack.worktree.files import Files
from slipway.stack.worktree.sources import folder_name
from slipway.stack.worktree.statcache import StatCache
from slipway.stack.worktree.tree import Worktree

__all__ = ["Files", "StatCache", "Worktree", "beside", "folder_name"]
