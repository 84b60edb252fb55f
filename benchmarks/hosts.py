"""What more devices and processes bring to fits on this machine, and what limits it.

  python -m benchmarks.hosts [--seconds=2] [--devices=1,2,4,8] [--groups=1,16]

A fleet (the network of `configs/nilut.py`, made-up looks) in fits of 6,000 steps per
second, and a training that shares its batches (`configs/lutflow.py`, 16 looks) in steps
and colours per second: on 1 to 8 forced CPU devices of one process, and the same in
two; within one process a training on a CPU uses one device. Wall seconds after
compiling. `busy` is the share of the machine's cores that the processes kept at work:
where it is near 1, cores are what limits; where it is not, devices wait for each other,
or other programs have the cores.
"""

import dataclasses
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags

from benchmarks import processor
from launch import binary
from lutjax import config, experiment, systems
from lutjax.commands import fit
from lutjax.data import synthetic
from lutjax.fit import fleet, hosts, mesh
from lutjax.lut import cube, lattice

_SECONDS = flags.DEFINE_float('seconds', 2.0, 'Of each measurement, about.')
_DEVICES = flags.DEFINE_list('devices', ['1', '2', '4', '8'], 'In all processes.')
_GROUPS = flags.DEFINE_list('groups', ['1', '16'], 'Models vmapped on a device.')
_WORK = flags.DEFINE_string('work', '', 'What a process does, as JSON; set by itself.')
_ROW = '{:8} {:>9} {:>7} {:>6} {:>12} {:>14} {:>6}'


def main(argv: list[str]) -> None:
  del argv
  if _WORK.value:
    _work(**json.loads(_WORK.value))
    return
  print(processor.describe())
  with tempfile.TemporaryDirectory() as folder:
    luts = pathlib.Path(folder, 'luts')
    luts.mkdir()
    for look, table in synthetic.looks(0, count=16, size=17).items():
      (luts / f'{look}.cube').write_bytes(cube.render(lattice.from_table(table)))
    print(_ROW.format('what', 'processes', 'devices', 'group', 'per s', '', 'busy'))
    for name, groups in (('nilut', _GROUPS.value), ('lutflow', ['1'])):
      for group in map(int, groups):
        for devices in map(int, _DEVICES.value):
          # On the CPU of one process, a training keeps to one device.
          alone = [1] * (name == 'nilut' or devices == 1)
          for processes in [*alone, *[2] * (devices > 1)]:
            _measure(folder, name, processes, devices, group)


def _measure(folder: str, name: str, processes: int, devices: int, group: int) -> None:
  """Starts the processes of one row, and prints it."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    port = server.getsockname()[1]
  started = []
  for index in range(processes):
    work = {
      'folder': folder,
      'name': name,
      'processes': processes,
      'index': index,
      'port': port,
      'group': group,
    }
    environment = {
      **os.environ,
      'JAX_PLATFORMS': 'cpu',
      'JAX_NUM_CPU_DEVICES': str(devices // processes),
    }
    command = [sys.executable, '-m', 'benchmarks.hosts', f'--work={json.dumps(work)}']
    command.append(f'--seconds={_SECONDS.value}')
    started.append(
      subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    )
  printed = [process.communicate()[0] for process in started]
  if any(process.returncode for process in started):
    sys.exit(f'a process of {name} on {devices} devices failed')
  found = json.loads(printed[0].splitlines()[-1])
  wide = f'{found["fits"]:.2f} fits'
  beside = f'{found["model_steps"]:,.0f} steps'
  if name == 'lutflow':
    wide = f'{found["model_steps"]:,.1f} steps'
    beside = f'{found["samples"]:,.0f} rgb'
  print(
    _ROW.format(name, processes, devices, group, wide, beside, f'{found["busy"]:.2f}'),
    flush=True,
  )


def _work(
  folder: str, name: str, processes: int, index: int, port: int, group: int
) -> None:
  """Measures in one process; the first prints the figures."""
  if processes > 1:
    hosts.join(f'127.0.0.1:{port}', processes, index, out=folder)
  settings: Any = config.load(name, [binary.CONFIGS])
  task = systems.task_of(settings.task)
  given = experiment.Sources(luts=[str(pathlib.Path(folder, 'luts'))])
  gathered = task.gather(settings.task, given, lambda line: None)
  jobs = list(gathered.jobs)
  if gathered.single:
    form = experiment.labelled(settings.model, gathered, jobs[0].name)
    settings = dataclasses.replace(settings, model=form)
  programs = fit.programs_for(settings, len(jobs), group)
  size = 1
  if len(jobs) > 1:
    size = fleet.filled_size(len(jobs), programs.mesh, programs.group_size)
  filled = [*jobs, *[jobs[-1]] * (size - len(jobs))]
  keys = jnp.stack([fleet.model_key(0, job.name) for job in filled])
  data = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[job.data for job in filled])
  data = programs.place(data)
  state = programs.init(programs.place(keys))
  steps = 20
  # Twice: to compile, and to see how many steps fill the time.
  for _ in range(2):
    began = time.perf_counter()
    state, losses = programs.advance(state, data, steps)
    hosts.whole(losses)
    took = time.perf_counter() - began
  seconds = float(hosts.collect([str(took)])[0])
  rounds = max(1, round(_SECONDS.value / seconds))
  hosts.meet()
  began, busy = time.perf_counter(), _cpu_seconds()
  for _ in range(rounds):
    state, losses = programs.advance(state, data, steps)
  hosts.whole(losses)
  took = time.perf_counter() - began
  spent = sum(map(float, hosts.collect([str(_cpu_seconds() - busy)])))
  per_second = rounds * steps * len(jobs) / took
  if hosts.is_first():
    print(
      json.dumps(
        {
          'fits': per_second / settings.fit.steps,
          'model_steps': per_second,
          'samples': per_second * settings.fit.batch_size,
          'busy': spent / took / mesh.host_cores(),
        }
      )
    )
  hosts.leave()


def _cpu_seconds() -> float:
  used = resource.getrusage(resource.RUSAGE_SELF)
  return used.ru_utime + used.ru_stime


if __name__ == '__main__':
  app.run(main)
