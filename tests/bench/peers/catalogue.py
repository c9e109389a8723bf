"""All rows, in the order of the report."""

import rows_latency
import rows_life
import rows_produce
import rows_read
import rows_service

ALL = [
    *rows_produce.ROWS, *rows_read.ROWS, *rows_latency.ROWS, *rows_life.ROWS, *rows_service.ROWS,
]  # fmt: skip
