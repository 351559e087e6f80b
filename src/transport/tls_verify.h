// How the certificate of the other end is checked, and what is said about one that is refused.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "transport/tls_handles.h"

namespace vmq::transport {

/// Which end of a connection we are.
enum class TlsRole : std::uint8_t { Server, Client };

/// What OpenSSL's callbacks find out during one handshake, for the message about its failure. Owned
/// by the TlsSession, used on its shard, gone with the handshake.
struct HandshakeNotes {
    std::string refused_certificate;  // why, a sentence; empty: none was refused
    std::string list_ended;           // " on DATE" of the revocation list that made an error
    std::string psk_identity;         // the last one the client named
    std::string expected_host;        // of a server: whom its certificate has to name
    bool psk_known = false;
};

/// Ties `notes` (may be null) to `ssl`, for the callbacks.
void set_notes(SSL& ssl, HandshakeNotes* notes);
[[nodiscard]] HandshakeNotes* notes_of(const SSL& ssl);

/// The store clients are checked against. With `lists` the certificate of the client needs a list
/// of its issuer that is signed and current and does not have it; certificates between it and the
/// root are checked against the lists there are.
[[nodiscard]] StorePtr make_store(const std::vector<CertificatePtr>& authorities,
                                  const std::vector<CrlPtr>& lists);

/// For SSL_CTX_set_cert_verify_callback: checks the chain and fills the notes. `needs_identity`
/// (not null: yes) also refuses certificates whose name cannot be a username.
int verify_client(X509_STORE_CTX* chain, void* needs_identity);
/// The same for the certificate of a server. `unused` is not looked at.
int verify_server(X509_STORE_CTX* chain, void* unused);

/// What to tell the operator about a handshake or connection that failed, from OpenSSL's error
/// queue, which is emptied. `notes` is null after the handshake. `role`: ours.
[[nodiscard]] std::string describe_failure(const HandshakeNotes* notes, TlsRole role);

}  // namespace vmq::transport
