"""S3 for many small requests: what botocore's client does, in a tenth of its processor time.

docs/decisions/0021-a-client-of-our-own-for-s3.md has the figures.
"""
