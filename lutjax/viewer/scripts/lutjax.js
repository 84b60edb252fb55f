'use strict';

/** Everything that the scripts of the page share; each of them adds one object. */
const lutjax = {};
