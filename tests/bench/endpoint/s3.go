package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const pageSize = 1000 // "Returns some or all (up to 1,000) of the objects in a bucket", ListObjectsV2

var statuses = map[string]int{
	"NoSuchKey": 404, "NoSuchBucket": 404, "PreconditionFailed": 412, "BadDigest": 400, "InvalidRequest": 400,
	"InvalidURI": 400, "KeyTooLongError": 400, "IncompleteBody": 400, "MalformedXML": 400, "NotImplemented": 501,
	"ConditionalRequestConflict": 409, "SlowDown": 503, "InternalError": 500, "AccessDenied": 403, "RequestTimeout": 400,
	"ServiceUnavailable": 503, "XAmzContentSHA256Mismatch": 400,
}

type problem struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

func kindOf(r *http.Request, key string) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodGet && key == "" && query.Has("versions"):
		return "LIST-VERSIONS"
	case r.Method == http.MethodGet && key == "":
		return "LIST"
	case r.Method == http.MethodPost && query.Has("delete"):
		return "MULTI-DELETE"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "COPY"
	case r.Method == http.MethodPut && key == "":
		return "CREATE-BUCKET"
	}
	return r.Method
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/-/") {
		e.control(w, r)
		return
	}
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	kind := kindOf(r, key)
	body, err := readBody(r)
	f := e.faultFor(kind, key)
	how := ""
	if f != nil {
		how = f.How
	}
	time.Sleep(time.Duration(e.latency.Load()))
	if how == "hang" {
		time.Sleep(time.Duration(f.Seconds * float64(time.Second)))
	}
	if how == "cut" {
		panic(http.ErrAbortHandler)
	}
	status, code, _ := strings.Cut(how, " ")
	if number, err := strconv.Atoi(status); err == nil {
		answerXML(w, number, problem{Code: code, Message: "as it was told to"})
		return
	}
	if err != nil {
		refuse(w, "IncompleteBody", err.Error())
		return
	}
	if !utf8.ValidString(key) {
		refuse(w, "InvalidURI", "the key is not UTF-8")
		return
	}
	// "Object key names", S3 User Guide.
	if len(key) > 1024 {
		refuse(w, "KeyTooLongError", "Your key is too long")
		return
	}
	if how == "late cut" {
		e.answer(discard{http.Header{}}, r, kind, name, key, body)
		panic(http.ErrAbortHandler)
	}
	if how == "cut body" || how == "corrupt" {
		w = &broken{ResponseWriter: w, how: how}
	}
	e.answer(w, r, kind, name, key, body)
}

func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, kind, name, key string, body []byte) {
	switch kind {
	case "PUT":
		e.put(w, r, name, key, body)
	case "COPY":
		e.copy(w, r, name, key)
	case "HEAD", "GET":
		e.get(w, r, name, key)
	case "LIST":
		e.list(w, r, name)
	case "DELETE":
		if code := e.store.put(name, key, nil, r.Header.Get("If-Match"), ""); code != "" {
			refuse(w, code, "condition")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	case "MULTI-DELETE":
		e.deleteMany(w, name, body)
	case "CREATE-BUCKET":
		w.WriteHeader(http.StatusOK)
	default:
		refuse(w, "NotImplemented", kind)
	}
}

var keptHeaders = []string{"Content-Type", "Cache-Control", "Content-Encoding", "Content-Disposition"}

func headersOf(r *http.Request) map[string]string {
	kept := map[string]string{}
	for _, name := range keptHeaders {
		if value := r.Header.Get(name); value != "" && value != "aws-chunked" {
			kept[name] = value
		}
	}
	return kept
}

// put refuses content that is not what its checksum says.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
func (e *endpoint) put(w http.ResponseWriter, r *http.Request, name, key string, body []byte) {
	sha := r.Header.Get("X-Amz-Checksum-Sha256")
	if r.URL.Query().Has("uploadId") {
		refuse(w, "NotImplemented", "multipart uploads")
		return
	}
	// "Signature Calculations for the Authorization Header", S3 API Reference: the hash that was signed is compared.
	signed := r.Header.Get("X-Amz-Content-Sha256")
	if sum := sha256.Sum256(body); len(signed) == 64 && signed != hex.EncodeToString(sum[:]) {
		refuse(w, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		return
	}
	o := newObject(body, sha != "" || r.Header.Get("X-Amz-Sdk-Checksum-Algorithm") == "SHA256", headersOf(r))
	if sha != "" && o.sha256 != sha {
		refuse(w, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
		return
	}
	if sum := r.Header.Get("X-Amz-Checksum-Crc32"); sum != "" {
		if base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))) != sum {
			refuse(w, "BadDigest", "The CRC32 you specified did not match the calculated checksum.")
			return
		}
	}
	if code := e.store.put(name, key, o, r.Header.Get("If-Match"), r.Header.Get("If-None-Match")); code != "" {
		refuse(w, code, "At least one of the pre-conditions you specified did not hold")
		return
	}
	w.Header().Set("ETag", o.etag)
	if o.sha256 != "" {
		w.Header().Set("X-Amz-Checksum-Sha256", o.sha256)
	}
	w.WriteHeader(http.StatusOK)
}

func (e *endpoint) copy(w http.ResponseWriter, r *http.Request, name, key string) {
	source := r.Header.Get("X-Amz-Copy-Source")
	path, _, _ := strings.Cut(source, "?versionId=")
	decoded, err := url.PathUnescape(path)
	fromBucket, fromKey, ok := strings.Cut(strings.TrimPrefix(decoded, "/"), "/")
	if err != nil || !ok {
		refuse(w, "InvalidRequest", "x-amz-copy-source")
		return
	}
	source_ := e.store.get(fromBucket, fromKey)
	if source_ == nil {
		refuse(w, "NoSuchKey", "The specified key does not exist.")
		return
	}
	if match := r.Header.Get("X-Amz-Copy-Source-If-Match"); match != "" && strings.Trim(match, `"`) != strings.Trim(source_.etag, `"`) {
		refuse(w, "PreconditionFailed", "x-amz-copy-source-if-match")
		return
	}
	headers := source_.headers
	if r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		headers = headersOf(r)
	} else if fromBucket == name && fromKey == key {
		refuse(w, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself")
		return
	}
	o := newObject(source_.body, source_.sha256 != "" || r.Header.Get("X-Amz-Checksum-Algorithm") == "SHA256", headers)
	// Conditions of the target: "Prevent object overwrites with conditional writes".
	if code := e.store.put(name, key, o, r.Header.Get("If-Match"), r.Header.Get("If-None-Match")); code != "" {
		refuse(w, code, "condition")
		return
	}
	answerXML(w, http.StatusOK, struct {
		XMLName        xml.Name `xml:"CopyObjectResult"`
		ETag           string
		LastModified   string
		ChecksumSHA256 string `xml:",omitempty"`
		ChecksumType   string
	}{ETag: o.etag, LastModified: stamp(o.modified), ChecksumSHA256: o.sha256, ChecksumType: "FULL_OBJECT"})
}

func (e *endpoint) get(w http.ResponseWriter, r *http.Request, name, key string) {
	o := e.store.get(name, key)
	if key == "" { // HeadBucket
		return
	}
	if o == nil {
		refuse(w, "NoSuchKey", "The specified key does not exist.")
		return
	}
	for header, value := range o.headers {
		w.Header().Set(header, value)
	}
	w.Header().Set("ETag", o.etag)
	w.Header().Set("Last-Modified", o.modified.Format(http.TimeFormat))
	if o.sha256 != "" && r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
		w.Header().Set("X-Amz-Checksum-Sha256", o.sha256)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(o.body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(o.body)
	}
}

type content struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

type commonPrefix struct{ Prefix string }

func (e *endpoint) list(w http.ResponseWriter, r *http.Request, name string) {
	query := r.URL.Query()
	limit := pageSize
	if asked, err := strconv.Atoi(query.Get("max-keys")); err == nil && asked < limit {
		limit = asked
	}
	after := query.Get("start-after")
	if token := query.Get("continuation-token"); token != "" {
		decoded, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			refuse(w, "InvalidRequest", "The continuation token provided is incorrect")
			return
		}
		after = string(decoded)
	}
	entries, found, more := e.store.list(name, query.Get("prefix"), query.Get("delimiter"), after, limit)
	shown := func(name string) string { return name }
	if query.Get("encoding-type") == "url" {
		shown = func(name string) string { return strings.ReplaceAll(url.QueryEscape(name), "%2F", "/") }
	}
	answer := struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name                  string
		Prefix                string
		Delimiter             string `xml:",omitempty"`
		MaxKeys               int
		KeyCount              int
		IsTruncated           bool
		EncodingType          string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
		CommonPrefixes        []commonPrefix
	}{Name: name, Prefix: shown(query.Get("prefix")), MaxKeys: limit, KeyCount: len(entries), IsTruncated: more}
	answer.Delimiter, answer.EncodingType = query.Get("delimiter"), query.Get("encoding-type")
	if more {
		answer.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(entries[len(entries)-1]))
	}
	for i, entry := range entries {
		if o := found[i]; o != nil {
			answer.Contents = append(answer.Contents, content{shown(entry), stamp(o.modified), o.etag, len(o.body), "STANDARD"})
		} else {
			answer.CommonPrefixes = append(answer.CommonPrefixes, commonPrefix{shown(entry)})
		}
	}
	answerXML(w, http.StatusOK, answer)
}

func (e *endpoint) deleteMany(w http.ResponseWriter, name string, body []byte) {
	var asked struct {
		Quiet  bool
		Object []struct{ Key string }
	}
	// "up to 1,000 keys", DeleteObjects.
	if err := xml.Unmarshal(body, &asked); err != nil || len(asked.Object) == 0 || len(asked.Object) > pageSize {
		refuse(w, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		return
	}
	answer := struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Deleted []struct{ Key string }
	}{}
	for _, each := range asked.Object {
		e.store.put(name, each.Key, nil, "", "")
		if !asked.Quiet {
			answer.Deleted = append(answer.Deleted, struct{ Key string }{each.Key})
		}
	}
	answerXML(w, http.StatusOK, answer)
}

// readBody also undoes aws-chunked, in which the AWS CLI sends a checksum after the content.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
func readBody(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		body := make([]byte, max(r.ContentLength, 0))
		if r.ContentLength < 0 {
			return io.ReadAll(r.Body)
		}
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	reader, body := bufio.NewReader(r.Body), []byte(nil)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		count, err := strconv.ParseInt(size, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("aws-chunked: %w", err)
		}
		if count == 0 {
			_, err = io.Copy(io.Discard, reader)
			return body, err
		}
		chunk := make([]byte, count)
		if _, err := io.ReadFull(reader, chunk); err != nil {
			return nil, err
		}
		body = append(body, chunk...)
		if _, err := reader.Discard(2); err != nil {
			return nil, err
		}
	}
}

func stamp(moment time.Time) string { return moment.Format("2006-01-02T15:04:05.000Z") }

func refuse(w http.ResponseWriter, code, message string) {
	answerXML(w, statuses[code], problem{Code: code, Message: message})
}

func answerXML(w http.ResponseWriter, status int, answer any) {
	text, err := xml.Marshal(answer)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(xml.Header)+len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header)
	_, _ = w.Write(text)
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// broken sends other bytes than it is given, or half of them.
type broken struct {
	http.ResponseWriter
	how string
}

func (b *broken) Write(body []byte) (int, error) {
	if b.how == "cut body" {
		_, _ = b.ResponseWriter.Write(body[:len(body)/2])
		_ = http.NewResponseController(b.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	other := append([]byte(nil), body...)
	if len(other) > 0 {
		other[0] ^= 1
	}
	return b.ResponseWriter.Write(other)
}
