// The one global of the page; every other script adds one object to it.
const lutjax = {};
