package main

import "net/http"

const systemsPath = "/api/v1/systems"

// System is an IT system that EASi keeps information on.
type System struct {
	Acronym     string `json:"acronym"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Owner       string `json:"owner"`
	Lifecycle   string `json:"lifecycle"`
}

// SystemsAnswer is the list, and the environment whose list it is.
type SystemsAnswer struct {
	Environment string   `json:"environment"`
	Systems     []System `json:"systems"`
}

// systems stands in for the database of the real application, in alphabetical order of the acronym.
var systems = []System{
	{"CLIP", "Claims Intake Platform", "Receives claims from providers and checks their form", "Claims Office", "in operation"},
	{"EASi", "Easy Access to System Information", "Where IT systems are proposed, governed and looked up", "Office of Information Technology", "in operation"},
	{"GRANT", "Grants Tracker", "Follows a grant from application to close-out", "Office of Acquisition and Grants", "in development"},
	{"LEDGER", "General Ledger", "Books of account and the reports made from them", "Office of Financial Management", "in operation"},
	{"PORTAL", "Provider Portal", "Enrollment and correspondence of providers", "Center for Program Integrity", "in operation"},
	{"SCRIBE", "Records Archive", "Keeps records for as long as the schedule says", "Office of Strategic Operations", "being retired"},
}

func systemsHandler(environment string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, SystemsAnswer{Environment: environment, Systems: systems})
	})
}
