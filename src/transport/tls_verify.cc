#include "transport/tls_verify.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <string_view>

#include "base/assert.h"
#include "transport/tls_certificate.h"
#include "transport/tls_errors.h"

namespace vmq::transport {
namespace {

int notes_index() {
    static const int number = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return number;
}

HandshakeNotes* notes_of(X509_STORE_CTX* chain) {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return ssl == nullptr ? nullptr : transport::notes_of(*ssl);
}

std::string end_of(const X509_CRL* list) {
    const ASN1_TIME* next = list == nullptr ? nullptr : X509_CRL_get0_nextUpdate(list);
    return next == nullptr ? "" : " on " + text_of(*next);
}

// Only the leaf needs a list; whoever lists the certificates between it and the root gets them
// checked.
int judge_error(int ok, X509_STORE_CTX* chain) {
    if (ok != 0) return ok;
    const int error = X509_STORE_CTX_get_error(chain);
    if (error == X509_V_ERR_UNABLE_TO_GET_CRL && X509_STORE_CTX_get_error_depth(chain) > 0) {
        X509_STORE_CTX_set_error(chain, X509_V_OK);
        return 1;
    }
    if (HandshakeNotes* notes = notes_of(chain); notes != nullptr)
        notes->list_ended = end_of(X509_STORE_CTX_get0_current_crl(chain));
    return 0;
}

// What is wrong with `certificate`, to follow its title.
std::string fault_of(X509_STORE_CTX* chain, const X509& certificate, int error, TlsRole role) {
    const std::string issuer = title_of(*X509_get_issuer_name(&certificate));
    switch (error) {
        case X509_V_ERR_CERT_REVOKED:
            return "is revoked";
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "expired on " + text_of(*X509_get0_notAfter(&certificate));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "is not valid before " + text_of(*X509_get0_notBefore(&certificate));
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return "is self-signed, not issued by an authority in cafile";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return "is a root that is not in cafile";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return fmt::format("is of an unknown authority: {} is neither in cafile nor sent along",
                               issuer);
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return fmt::format("is not signed by the key of {} in cafile", issuer);
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
            return "has more authorities above it than depth allows";
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return fmt::format("cannot be checked: crlfile has no list of {}", issuer);
        case X509_V_ERR_CRL_HAS_EXPIRED:
            return fmt::format(
                "cannot be checked: the revocation list of {} expired{}; put a new one into "
                "crlfile",
                issuer, notes_of(chain) == nullptr ? "" : notes_of(chain)->list_ended);
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return fmt::format("cannot be checked: the revocation list of {} is not valid yet",
                               issuer);
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
            return fmt::format(
                "cannot be checked: the revocation list of {} is not signed by its key", issuer);
        case X509_V_ERR_INVALID_PURPOSE:
            return fmt::format("is not meant for {} (extended key usage)",
                               role == TlsRole::Server ? "clients" : "servers");
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return fmt::format("does not name {}: it needs that among its alternative names",
                               notes_of(chain) == nullptr
                                   ? "the host it was reached by"
                                   : printable(notes_of(chain)->expected_host));
        default:
            return fmt::format("is refused: {}", X509_verify_cert_error_string(error));
    }
}

std::string describe_refusal(X509_STORE_CTX* chain, int error, TlsRole role) {
    const std::string_view peer = role == TlsRole::Server ? "client" : "server";
    const bool leaf = X509_STORE_CTX_get_error_depth(chain) == 0;
    const X509* certificate = X509_STORE_CTX_get_current_cert(chain);
    if (certificate == nullptr) certificate = X509_STORE_CTX_get0_cert(chain);
    if (certificate == nullptr) return fmt::format("the {}'s certificate is refused", peer);
    const std::string whose = leaf ? fmt::format("the {}'s certificate", peer)
                                   : fmt::format("a certificate of the {}'s chain", peer);
    return fmt::format("{} ({}) {}", whose, title_of(*certificate),
                       fault_of(chain, *certificate, error, role));
}

void refuse(X509_STORE_CTX* chain, std::string why) {
    if (HandshakeNotes* notes = notes_of(chain); notes != nullptr)
        notes->refused_certificate = std::move(why);
}

// The first error that OpenSSL's TLS code itself raised; what libcrypto adds explains less.
unsigned long take_error() {
    unsigned long chosen = 0;
    while (const unsigned long error = ERR_get_error())
        if (chosen == 0 ||
            (ERR_GET_LIB(chosen) != ERR_LIB_SSL && ERR_GET_LIB(error) == ERR_LIB_SSL))
            chosen = error;
    return chosen;
}

constexpr int kAlertReasons = SSL_AD_REASON_OFFSET;  // reasons above it are alerts received

std::string describe_alert(int alert) {
    switch (alert) {
        case SSL_AD_UNKNOWN_CA:
            return "the client does not trust the listener's certificate (alert: unknown CA); give "
                   "it the authority, and check that certfile has the certificates in between";
        case SSL_AD_CERTIFICATE_EXPIRED:
            return "the client takes the listener's certificate for expired; renew it or set the "
                   "client's clock";
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
            return fmt::format("the client refused the listener's certificate (alert: {})",
                               SSL_alert_desc_string_long(alert));
        default:
            return fmt::format("the client gave up (alert: {})", SSL_alert_desc_string_long(alert));
    }
}

std::string describe_alert_of_server(int alert) {
    constexpr int kCertificateRequired = 116;  // [RFC 8446, 6.2]
    switch (alert) {
        case SSL_AD_UNKNOWN_CA:
            return "the server does not trust our certificate (alert: unknown CA); give it the "
                   "authority, and check that certfile has the certificates in between";
        case kCertificateRequired:
            return "the server asks for a certificate: set certfile and keyfile";
        case SSL_AD_CERTIFICATE_EXPIRED:
            return "the server takes our certificate for expired; renew it or set the server's "
                   "clock";
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
            return fmt::format("the server refused our certificate (alert: {})",
                               SSL_alert_desc_string_long(alert));
        case SSL_AD_HANDSHAKE_FAILURE:
        case SSL_AD_PROTOCOL_VERSION:
        case SSL_AD_INSUFFICIENT_SECURITY:
            return fmt::format(
                "the server has no version or suite in common with tls_version and ciphers, or "
                "asks for a certificate (alert: {})",
                SSL_alert_desc_string_long(alert));
        default:
            return fmt::format("the server gave up (alert: {})", SSL_alert_desc_string_long(alert));
    }
}

std::string_view describe_reason_of_server(int reason) {
    switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
            return "the server speaks no TLS version that tls_version allows";
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
            return "what the server sent does not decrypt: it was altered";
        default:
            return {};
    }
}

std::string_view describe_reason(int reason) {
    switch (reason) {
        case SSL_R_NO_SHARED_CIPHER:
            return "no shared cipher: the client offers no suite that ciphers, tls_version and the "
                   "certificate of the listener allow";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_VERSION_TOO_HIGH:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
            return "the client speaks no TLS version that tls_version allows";
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "the client sent no certificate, and require_certificate is on";
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SHARED_GROUPS:
            return "no shared curve: the client offers none that eccs allows";
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return "no shared signature algorithm: the listener has no certificate whose "
                   "signatures "
                   "the client checks";
        case SSL_R_BINDER_DOES_NOT_VERIFY:
            return "the client's pre-shared key is wrong";
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
            return "what the client sent does not decrypt: it was altered, or the keys differ";
        case SSL_R_NO_RENEGOTIATION:
            return "the client asked to renegotiate, which is not allowed";
        default:
            return {};
    }
}

// Empty if the pre-shared key is not the reason.
std::string describe_psk_failure(const HandshakeNotes& notes, int reason) {
    const std::string identity = printable(notes.psk_identity);
    switch (reason) {
        case SSL_R_BINDER_DOES_NOT_VERIFY:
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
        case SSL_R_DIGEST_CHECK_FAILED:
            if (notes.psk_known)
                return fmt::format("the client's pre-shared key is wrong (identity {})", identity);
            return {};
        case SSL_R_PSK_IDENTITY_NOT_FOUND:
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
            if (!notes.psk_known)
                return fmt::format("the client's pre-shared key identity {} is not in pskfile",
                                   identity);
            return {};
        default:
            return {};
    }
}

}  // namespace

void set_notes(SSL& ssl, HandshakeNotes* notes) {
    VMQ_ASSERT(SSL_set_ex_data(&ssl, notes_index(), notes) == 1);
}

HandshakeNotes* notes_of(const SSL& ssl) {
    return static_cast<HandshakeNotes*>(SSL_get_ex_data(&ssl, notes_index()));
}

StorePtr make_store(const std::vector<CertificatePtr>& authorities,
                    const std::vector<CrlPtr>& lists) {
    StorePtr store(X509_STORE_new());
    for (const CertificatePtr& authority : authorities)
        VMQ_ASSERT(X509_STORE_add_cert(store.get(), authority.get()) == 1);
    for (const CrlPtr& list : lists) VMQ_ASSERT(X509_STORE_add_crl(store.get(), list.get()) == 1);
    if (!lists.empty()) {
        X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        X509_STORE_set_verify_cb(store.get(), &judge_error);
    }
    return store;
}

int verify_client(X509_STORE_CTX* chain, void* needs_identity) {
    if (X509_verify_cert(chain) != 1) {
        refuse(chain, describe_refusal(chain, X509_STORE_CTX_get_error(chain), TlsRole::Server));
        return 0;
    }
    // OpenSSL would keep it as long as the connection, and 4 kB for each certificate in it.
    X509_STORE_CTX_set0_verified_chain(chain, nullptr);
    if (needs_identity == nullptr) return 1;
    const X509* certificate = X509_STORE_CTX_get0_cert(chain);
    const auto identity = identity_of(*certificate);
    if (identity) return 1;
    refuse(chain, fmt::format("the client's certificate ({}) cannot give a username: {}",
                              title_of(*certificate), identity.error().detail));
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

int verify_server(X509_STORE_CTX* chain, void* /*unused*/) {
    if (X509_verify_cert(chain) != 1) {
        refuse(chain, describe_refusal(chain, X509_STORE_CTX_get_error(chain), TlsRole::Client));
        return 0;
    }
    X509_STORE_CTX_set0_verified_chain(chain, nullptr);
    return 1;
}

std::string describe_failure(const HandshakeNotes* notes, TlsRole role) {
    const unsigned long error = take_error();
    if (notes != nullptr && !notes->refused_certificate.empty()) return notes->refused_certificate;
    if (error == 0) return "the TLS connection failed";
    const int reason = ERR_GET_REASON(error);
    if (notes != nullptr && !notes->psk_identity.empty() && ERR_GET_LIB(error) == ERR_LIB_SSL)
        if (std::string text = describe_psk_failure(*notes, reason); !text.empty()) return text;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        const bool server = role == TlsRole::Server;
        if (const int alert = reason - kAlertReasons; alert > 0 && alert < 256)
            return server ? describe_alert(alert) : describe_alert_of_server(alert);
        const std::string_view text =
            server ? describe_reason(reason) : describe_reason_of_server(reason);
        if (!text.empty()) return std::string(text);
    }
    return "TLS failed: " + reason_of(error);
}

}  // namespace vmq::transport
