#include "transport/tls_context_state.h"

#include <algorithm>
#include <cctype>

#include "transport/tls_verify.h"

namespace vmq::transport {
namespace {

const TlsContextState& state_of(const SSL* ssl) {
    return *static_cast<const TlsContextState*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int choose_by_host(SSL* ssl, int* /*alert*/, void* /*context*/) {
    const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (host == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* chosen = state_of(ssl).find(host);
    if (chosen == nullptr) return SSL_TLSEXT_ERR_NOACK;
    if (chosen != SSL_get_SSL_CTX(ssl) && SSL_set_SSL_CTX(ssl, chosen) == nullptr)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
               EVP_MAC_CTX* mac, int seals) {
    constexpr int kFailed = -1;
    constexpr int kNoTicket = 0;
    constexpr int kGood = 1;
    constexpr int kGoodButRenew = 2;
    const TicketKeys& keys = state_of(ssl).tickets;
    if (seals == 1) return keys.seal(name, iv, *cipher, *mac) ? kGood : kFailed;
    switch (keys.open(name, iv, *cipher, *mac)) {
        case TicketKeys::Opened::Yes:
            return kGood;
        case TicketKeys::Opened::YesButOld:
            return kGoodButRenew;
        case TicketKeys::Opened::No:
            break;
    }
    return kNoTicket;
}

// A ticket stands for a check of the client's certificate: it ends with the certificate and with
// the revocation lists that check was made against. Then a full handshake follows.
bool still_vouched_for(const TlsContextState& state, SSL_SESSION* session) {
    const X509* certificate = SSL_SESSION_get0_peer(session);
    if (certificate == nullptr) return true;
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0 &&
           std::chrono::system_clock::now() < state.revocations_expire;
}

SSL_TICKET_RETURN accept_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* /*name*/,
                                std::size_t /*name_size*/, SSL_TICKET_STATUS status,
                                void* /*context*/) {
    switch (status) {
        case SSL_TICKET_SUCCESS:
        case SSL_TICKET_SUCCESS_RENEW:
            if (!still_vouched_for(state_of(ssl), session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
            return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                                : SSL_TICKET_RETURN_USE_RENEW;
        case SSL_TICKET_EMPTY:
        case SSL_TICKET_NO_DECRYPT:
            return SSL_TICKET_RETURN_IGNORE_RENEW;
        default:
            return SSL_TICKET_RETURN_ABORT;
    }
}

// Serves TLS 1.2 and 1.3. For 1.3 OpenSSL ties such a key to SHA-256 and, if the listener has no
// certificate, then prefers suites with that hash; the newer callback would do neither.
unsigned int find_psk(SSL* ssl, const char* identity, unsigned char* psk, unsigned int most) {
    const std::string* key = state_of(ssl).psk.find(identity);
    if (HandshakeNotes* notes = notes_of(*ssl); notes != nullptr) {
        notes->psk_identity = identity;
        notes->psk_known = key != nullptr;
    }
    if (key == nullptr || key->size() > most) return 0;
    std::copy(key->begin(), key->end(), psk);
    return static_cast<unsigned int>(key->size());
}

}  // namespace

void TlsContextState::add_host(const std::string& name, SSL_CTX* context) {
    if (name.starts_with("*.")) {
        by_parent.emplace(name.substr(2), context);
    } else {
        by_host.emplace(name, context);
    }
}

SSL_CTX* TlsContextState::find(std::string_view host) const {
    std::string name(host);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (const auto exact = by_host.find(name); exact != by_host.end()) return exact->second;
    // A wildcard stands for one label [RFC 6125, 6.4.3].
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos || dot == 0) return nullptr;
    const auto parent = by_parent.find(name.substr(dot + 1));
    return parent == by_parent.end() ? nullptr : parent->second;
}

void set_callbacks(SSL_CTX& context, const TlsContextState& state, bool psk) {
    SSL_CTX_set_app_data(&context, const_cast<TlsContextState*>(&state));
    SSL_CTX_set_tlsext_servername_callback(&context, &choose_by_host);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &ticket_key);
    SSL_CTX_set_session_ticket_cb(&context, nullptr, &accept_ticket, nullptr);
    if (psk) SSL_CTX_set_psk_server_callback(&context, &find_psk);
}

}  // namespace vmq::transport
