module easi.invalid/tests/bench/endpoint

go 1.26
