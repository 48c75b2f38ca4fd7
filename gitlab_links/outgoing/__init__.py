"""Events that go out: the feed, endpoints and what is sent to them."""
