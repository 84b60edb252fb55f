"""The Img2LUT notebook's model in torch: the peer of `speed`.

Written from its description: a stem of 32 channels at full size, three residual blocks
of 64, 128 and 256 with stride 2 and batch norm, the mean over the picture, 512 units,
and a sigmoid for each of 3 S^3 values, which a 5D `grid_sample` reads at the colours of
the picture. Mean squared error, Adam at 1e-2. As there, nodes are `[b, g, r]`.
"""

from typing import Any

import jax
import numpy as np
import torch
from torch import nn

from lutjax.types import PyTree, Variables

RATE = 1e-2


class _Block(nn.Module):
  """Two convolutions beside one of 1 x 1, all of which end at half the sides."""

  def __init__(self, entering: int, width: int):
    super().__init__()
    self.first = nn.Conv2d(entering, width, 3, 2, 1)
    self.first_norm = nn.BatchNorm2d(width)
    self.second = nn.Conv2d(width, width, 3, 1, 1)
    self.second_norm = nn.BatchNorm2d(width)
    self.shortcut = nn.Conv2d(entering, width, 1, 2)
    self.shortcut_norm = nn.BatchNorm2d(width)

  def forward(self, pictures: torch.Tensor) -> torch.Tensor:
    hidden = torch.relu(self.first_norm(self.first(pictures)))
    hidden = self.second_norm(self.second(hidden))
    return torch.relu(hidden + self.shortcut_norm(self.shortcut(pictures)))


class Model(nn.Module):
  """From pictures `[B, 3, H, W]` to lattices `[B, 3, S, S, S]`."""

  def __init__(self, size: int):
    super().__init__()
    self.size = size
    self.stem = nn.Conv2d(3, 32, 3, 1, 1)
    self.stem_norm = nn.BatchNorm2d(32)
    self.blocks = nn.Sequential(_Block(32, 64), _Block(64, 128), _Block(128, 256))
    self.head = nn.Sequential(
      nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 3 * size**3)
    )

  def forward(self, pictures: torch.Tensor) -> torch.Tensor:
    hidden = torch.relu(self.stem_norm(self.stem(pictures)))
    pooled = self.blocks(hidden).mean((2, 3))
    cube = torch.sigmoid(self.head(pooled)).view(-1, *(self.size,) * 3, 3)
    return cube.permute(0, 4, 1, 2, 3)


def mapped(lattices: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
  """Reads lattices at the colours of pictures.

  Args:
    lattices: `[B, 3, S, S, S]`.
    pictures: `[B, 3, H, W]` in [0, 1].

  Returns:
    `[B, 3, H, W]`.
  """
  places = 2.0 * (pictures.permute(0, 2, 3, 1)[:, None] - 0.5)
  read = nn.functional.grid_sample(
    lattices, places, mode='bilinear', padding_mode='border', align_corners=True
  )
  return read[:, :, 0]


class Trainer:
  """The model with its optimizer; torch's fused Adam, which is its quickest."""

  def __init__(self, model: Model):
    self.model = model.train()
    self._optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)

  def step(self, pictures: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Takes a step; returns the loss before it, `[]`."""
    got = mapped(self.model(pictures), pictures)
    loss = nn.functional.mse_loss(got, targets)
    self._optimizer.zero_grad(set_to_none=True)
    loss.backward()
    self._optimizer.step()
    return loss.detach()


def picture(pixels: np.ndarray) -> torch.Tensor:
  """Returns pictures `[..., H, W, 3]` as `[..., 3, H, W]`, laid out anew."""
  return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3)))


def with_weights(size: int, variables: Variables) -> Model:
  """Returns the model with the weights of ours.

  Args:
    size: Nodes per axis.
    variables: Of `img2lut.model.notebook(size)`.
  """
  model = Model(size)
  params, stats = jax.device_get((variables.params, variables.stats))
  network = params['network']
  state: dict[str, Any] = {}

  def conv(name: str, layer: PyTree) -> None:
    state[f'{name}.weight'] = layer['kernel'].transpose(3, 2, 0, 1)
    state[f'{name}.bias'] = layer['bias']

  def norm(name: str, layer: PyTree, moments: PyTree) -> None:
    state[f'{name}.weight'], state[f'{name}.bias'] = layer['scale'], layer['bias']
    state[f'{name}.running_mean'] = moments['mean']
    state[f'{name}.running_var'] = moments['var']
    state[f'{name}.num_batches_tracked'] = np.zeros((), np.int64)

  conv('stem', network['stem'])
  norm('stem_norm', network['stem_norm'], stats['stem_norm'])
  for i in range(3):
    block, moments = network[f'block{i}'], stats[f'block{i}']
    for part in ('first', 'second', 'shortcut'):
      conv(f'blocks.{i}.{part}', block[part])
      norm(f'blocks.{i}.{part}_norm', block[f'{part}_norm'], moments[f'{part}_norm'])
  first, last = params['head']['layers']
  state['head.0.weight'], state['head.0.bias'] = first['weight'].T, first['bias']
  cube = (size,) * 3 + (3,)
  # Ours are `[r, g, b]`.
  weight = last['weight'].reshape(-1, *cube).transpose(0, 3, 2, 1, 4)
  state['head.2.weight'] = weight.reshape(len(weight), -1).T
  state['head.2.bias'] = last['bias'].reshape(cube).transpose(2, 1, 0, 3).reshape(-1)
  model.load_state_dict(
    {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
  )
  return model
