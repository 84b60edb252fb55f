"""NILUT: a 3D LUT as a small network; several styles in one (`model`)."""

from lutjax.systems.nilut import library, model, published, task
from lutjax.types import Entry, Published

ENTRY = Entry(
  name='nilut',
  models=(model.MODEL._replace(library=library.library),),
  tasks=(task.TASK,),
  published=Published(published.claims, published.load),
)
