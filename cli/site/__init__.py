"""`python -m release site`: a site of S3 and CloudFront alone, without a stack. A module per verb.

It is what a release does with its site (`release.static`), with the same objects in the records bucket. A publish that
changes nothing takes no longer than Python's own start, a look at the folder and one request, so each module imports
what every run of it needs, and the rest where it is needed.
"""
