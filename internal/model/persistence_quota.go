package model

// PersistenceQuota bounds what one file, one user and the system may fill a list of
// entries with: whoever fills a crontab of his own pushes nobody else's entry out.
// It is made for one list.
type PersistenceQuota struct {
	File, User, System, All int

	files, owners map[string]int
	taken         int
}

// Fits says whether there is room for an entry.
func (q *PersistenceQuota) Fits(e *PersistenceEntry) bool {
	most := q.User
	if e.Owner == "" {
		most = q.System
	}
	return q.taken < q.All && q.owners[e.Owner] < most && q.files[e.Path] < q.File
}

// Take says whether there is room for an entry, and counts it if there is.
func (q *PersistenceQuota) Take(e *PersistenceEntry) bool {
	if !q.Fits(e) {
		return false
	}
	if q.files == nil {
		q.files, q.owners = map[string]int{}, map[string]int{}
	}
	q.taken++
	q.owners[e.Owner]++
	q.files[e.Path]++
	return true
}
