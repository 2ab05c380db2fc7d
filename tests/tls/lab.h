/* Certificates for tests: two that vouch, and whom they vouch for. */
#ifndef KHUB_TESTS_TLS_LAB_H
#define KHUB_TESTS_TLS_LAB_H

/* Writes to an existing directory, each as NAME.pem and NAME.key:
 *   ca, other      vouch for others
 *   hub            a hub at localhost, 127.0.0.1 and ::1, by ca
 *   renewed        the same, another key
 *   impostor       the same by `other`
 *   elsewhere      a hub at elsewhere.example, by ca
 *   expired        a hub at localhost until yesterday, by ca
 *   ada            a client of that name, by ca
 *   stranger       a client named ada, by `other`
 * Exits with a message when something fails. */
void lab_make(const char *directory);

#endif
