"""TinyLUT: restoration networks that become tables (`model`)."""

from lutjax.systems.tinylut import model
from lutjax.types import Entry

ENTRY = Entry(name='tinylut', models=(model.MODEL,))
