package main

import (
	"crypto/md5" //nolint:gosec // an ETag
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

type object struct {
	body     []byte
	etag     string // quoted
	sha256   string // base64; "": it was written without
	headers  map[string]string
	modified time.Time
}

type bucket struct {
	objects map[string]*object
	names   []string // sorted; nil: to be made again
}

type store struct {
	mutex   sync.Mutex
	buckets map[string]*bucket
}

func (s *store) clear() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.buckets = map[string]*bucket{}
}

func (s *store) get(name, key string) *object {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if b := s.buckets[name]; b != nil {
		return b.objects[key]
	}
	return nil
}

// put answers the code of a condition that does not hold; nil deletes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
func (s *store) put(name, key string, o *object, ifMatch, ifNoneMatch string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	b := s.buckets[name]
	if b == nil {
		b = &bucket{objects: map[string]*object{}}
		s.buckets[name] = b
	}
	before := b.objects[key]
	switch {
	case ifNoneMatch == "*" && before != nil:
		return "PreconditionFailed"
	case ifMatch != "" && before == nil:
		return "NoSuchKey"
	case ifMatch != "" && ifMatch != "*" && strings.Trim(ifMatch, `"`) != strings.Trim(before.etag, `"`):
		return "PreconditionFailed"
	}
	if o == nil {
		if before != nil {
			delete(b.objects, key)
			b.names = nil
		}
		return ""
	}
	if before == nil {
		b.names = nil
	}
	b.objects[key] = o
	return ""
}

// list answers at most `limit` names or common prefixes after `after`, and whether there are more.
func (s *store) list(name, prefix, delimiter, after string, limit int) (entries []string, found []*object, more bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	b := s.buckets[name]
	if b == nil {
		return nil, nil, false
	}
	if b.names == nil {
		b.names = slices.Sorted(maps.Keys(b.objects))
	}
	start, _ := slices.BinarySearch(b.names, max(prefix, after))
	for i := start; i < len(b.names); i++ {
		key := b.names[i]
		if !strings.HasPrefix(key, prefix) {
			break
		}
		o := b.objects[key]
		if delimiter != "" {
			if at := strings.Index(key[len(prefix):], delimiter); at >= 0 {
				key, o = key[:len(prefix)+at+len(delimiter)], nil
			}
		}
		if key <= after || len(entries) > 0 && entries[len(entries)-1] == key {
			continue
		}
		if len(entries) == limit {
			return entries, found, true
		}
		entries, found = append(entries, key), append(found, o)
	}
	return entries, found, false
}

func newObject(body []byte, withSHA256 bool, headers map[string]string) *object {
	sum := md5.Sum(body) //nolint:gosec // an ETag
	o := &object{body: body, etag: `"` + hex.EncodeToString(sum[:]) + `"`, headers: headers, modified: time.Now().UTC()}
	if withSHA256 {
		o.sha256 = base64SHA256(body)
	}
	return o
}

func base64SHA256(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
