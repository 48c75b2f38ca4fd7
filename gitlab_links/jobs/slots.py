"""The slots of scheduled jobs, as Redis knows them. Loads no job: ``/metrics`` asks here."""

from dataclasses import dataclass

from gitlab_links.extensions import redis


@dataclass(frozen=True, slots=True)
class Slots:
    """What runs once every ``every`` seconds, however many processes tick."""

    name: str
    every: int

    def job_id(self, moment: float) -> str:
        """The id of the job in the slot around ``moment``, in Unix seconds."""
        return f"tick-{self.name}-{int(moment // self.every)}"

    def asked_key(self, moment: float) -> str:
        """The key in Redis that is there once somebody has asked whether the job is needed."""
        return f"gitlab_links:asked:{self.job_id(moment)}"


SWEEP = Slots("sweep", 2)


def has_ticked(moment: float) -> bool:
    """Whether some host has ticked within the three slots of the sweep before ``moment``.

    Raises :class:`redis.exceptions.RedisError`.
    """
    keys = [SWEEP.asked_key(moment - SWEEP.every * back) for back in range(3)]
    return bool(redis().exists(*keys))
