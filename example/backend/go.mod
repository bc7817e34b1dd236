module easi/backend

go 1.24
