"""The feed between a controller and its name servers: both ends under one name."""

from trafficfed.nameserver.feed_client import Copy, FeedClient
from trafficfed.nameserver.feed_server import FeedServer, Follower

__all__ = ["Copy", "FeedClient", "FeedServer", "Follower"]
