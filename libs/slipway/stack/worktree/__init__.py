"""Read the repository.

This package finds Dockerfiles, lists and hashes the files that an image reads, and names the contexts that BuildKit
receives.
"""

from slipway.stack.worktree.contexts import plain_name
from slipway.stack.worktree.definitions import beside
from slipway.stack.worktree.files import Files, MarkedFile
from slipway.stack.worktree.sources import folder_name
from slipway.stack.worktree.statcache import StatCache
from slipway.stack.worktree.tree import Worktree

__all__ = ["Files", "MarkedFile", "StatCache", "Worktree", "beside", "folder_name", "plain_name"]
