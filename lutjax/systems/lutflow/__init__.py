"""LutFlow: hundreds of looks in one residual flow (`model`)."""

from lutjax.systems.lutflow import edit_task, library, model, task
from lutjax.types import Entry

ENTRY = Entry(
  name='lutflow',
  models=(model.MODEL._replace(library=library.library),),
  tasks=(task.TASK, edit_task.TASK),
)
