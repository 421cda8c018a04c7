// Package h2spec pins the program that judges HTTP/2.
package h2spec
