"""The static half of a release: from a built folder to the site that visitors see.

`builds` reads a folder, `manifest` says what it consists of, `publish` puts what is lacking beside what runs (from a
`source`), `activate` switches to it (also to one that is kept), `drift` and `repair` find and mend what was changed by
hand, `expire` forgets the oldest, `purge` what nobody is to get. `records` is what they read and write of the records
bucket, with the `catalog` of what is there. `plan` holds the decisions and `content` the rules about single files;
these are pure.
"""
