// The client that Go's standard library makes: TLS, verified, and one HTTP request each, on a fresh connection.
// It neither resolves (every name is at ADDRESS) nor judges nor records.
//
//	client LIST ADDRESS ROOTS
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const atOnce = 100

func main() {
	list, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	pem, err := os.ReadFile(os.Args[3])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(target)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, net.JoinHostPort(os.Args[2], port))
		},
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	urls := make(chan string)
	var answered atomic.Int64
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for url := range urls {
				response, err := client.Get(url)
				if err != nil {
					continue
				}
				_, err = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if err == nil && response.StatusCode == 200 {
					answered.Add(1)
				}
			}
		})
	}
	for _, url := range strings.Fields(string(list)) {
		urls <- url
	}
	close(urls)
	group.Wait()
	fmt.Println(answered.Load())
}
