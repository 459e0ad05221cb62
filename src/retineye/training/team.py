"""Train with several processes at once, as `torchrun` starts them: each takes its share of every batch."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import distributed, nn
from torch.utils.data import Sampler

CPU: Final = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place among those that train together; alone, it is the first of one."""

    place: int = 0
    size: int = 1
    device: torch.device = CPU

    @classmethod
    def gather(cls) -> Self:
        """Join the processes that `torchrun` started, by NCCL on GPUs and by gloo without; alone, wait for nobody."""
        size, place = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        on_gpu = torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else CPU
        if size > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if on_gpu else "gloo")
        return cls(place, size, device)

    @property
    def first(self) -> bool:
        """Say whether this process writes files, measures and tells."""
        return self.place == 0

    def wait(self) -> None:
        """Wait until all have come so far."""
        if self.size > 1:
            distributed.barrier()

    def part(self) -> None:
        """Leave the others when all is done."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def join(self, network: nn.Module) -> nn.Module:
        """Give the network whose gradients are the mean over all processes."""
        if self.size == 1:
            return network
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=ids)


class Draws(Sampler[int]):
    """Draw photographs by weight, the same ones however many processes share them: this one's part of each batch."""

    def __init__(self, weights: list[float], count: int, batch: int, seed: int, team: Team) -> None:
        """Draw `count` photographs in batches of `batch`, a multiple of the team's size."""
        self.weights, self.count, self.batch, self.seed, self.team = weights, count, batch, seed, team

    def __len__(self) -> int:
        """Give how many this process draws."""
        return self.count // self.batch * (self.batch // self.team.size)

    def __iter__(self) -> Iterator[int]:
        """Give the places of the photographs."""
        chance = torch.Generator().manual_seed(self.seed)
        drawn = torch.multinomial(torch.tensor(self.weights), self.count, replacement=True, generator=chance).tolist()
        share = self.batch // self.team.size
        for start in range(0, self.count - self.batch + 1, self.batch):
            mine = start + share * self.team.place
            yield from drawn[mine : mine + share]
