// Command weakvet finds mistakes with package weakbus.
package main
