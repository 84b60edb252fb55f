"""NILUT: a 3D LUT as a small network; several styles in one (`model`)."""

from lutjax.systems.nilut import library, model, published, task
from lutjax.types import Entry, Loaded, Published

# The library is made of the model's functions, so that it comes in here.
MODEL = model.MODEL._replace(library=library.library)


def _load(content: bytes, source: str) -> Loaded:
  return published.load(content, source)._replace(model=MODEL)


ENTRY = Entry(
  name='nilut',
  models=(MODEL,),
  tasks=(task.TASK,),
  published=Published(published.claims, _load),
)
