#include "support/tls/tls_client.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"

namespace vmq::testing {
namespace {

TlsClient& client_of(SSL* ssl) { return *static_cast<TlsClient*>(SSL_get_app_data(ssl)); }

std::string common_name(const X509& certificate) {
    std::array<char, 256> text{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(&certificate), NID_commonName, text.data(),
                              static_cast<int>(text.size()));
    return text.data();
}

}  // namespace

TlsClient::TlsClient(const TlsClientOptions& options)
    : options_(options), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX& context = *context_;
    if (options.version != 0 && options.version < TLS1_2_VERSION)
        SSL_CTX_set_security_level(&context, 0);
    SSL_CTX_set_min_proto_version(&context, options.version);
    SSL_CTX_set_max_proto_version(&context, options.version);
    if (!options.ciphers.empty())
        VMQ_ASSERT(SSL_CTX_set_cipher_list(&context, options.ciphers.c_str()) == 1);
    if (!options.tls13_ciphers.empty())
        VMQ_ASSERT(SSL_CTX_set_ciphersuites(&context, options.tls13_ciphers.c_str()) == 1);
    if (!options.groups.empty())
        VMQ_ASSERT(SSL_CTX_set1_groups_list(&context, options.groups.c_str()) == 1);
    if (options.trusted != nullptr) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), options.trusted->certificate.get());
        SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
    }
    if (options.certificate != nullptr) {
        SSL_CTX_use_certificate(&context, options.certificate->certificate.get());
        SSL_CTX_use_PrivateKey(&context, options.certificate->key.get());
    }
    if (options.intermediate != nullptr)
        SSL_CTX_add1_chain_cert(&context, options.intermediate->certificate.get());
    if (!options.psk_identity.empty()) SSL_CTX_set_psk_client_callback(&context, &give_psk);
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(&context, &keep_session);

    ssl_.reset(SSL_new(&context));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (!options.server_name.empty())
        SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str());
    if (options.resume != nullptr) SSL_set_session(ssl_.get(), options.resume);
    SSL_set_connect_state(ssl_.get());
}

// OpenSSL never resumes a session whose connection ended without a shutdown.
TlsClient::~TlsClient() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN); }

int TlsClient::keep_session(SSL* ssl, SSL_SESSION* session) {
    client_of(ssl).resumption_.reset(session);
    return 1;
}

unsigned int TlsClient::give_psk(SSL* ssl, const char* /*hint*/, char* identity,
                                 unsigned int identity_most, unsigned char* key,
                                 unsigned int key_most) {
    const TlsClientOptions& options = client_of(ssl).options_;
    VMQ_ASSERT(options.psk_identity.size() < identity_most && options.psk_key.size() <= key_most);
    std::memcpy(identity, options.psk_identity.c_str(), options.psk_identity.size() + 1);
    std::copy(options.psk_key.begin(), options.psk_key.end(), key);
    return static_cast<unsigned int>(options.psk_key.size());
}

std::string TlsClient::output() {
    if (!open() && !failed()) advance();
    BIO* bio = SSL_get_wbio(ssl_.get());
    std::string bytes(BIO_ctrl_pending(bio), '\0');
    if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

void TlsClient::receive(std::string_view wire) {
    if (!wire.empty())
        BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
    advance();
}

void TlsClient::advance() {
    if (!open()) {
        ERR_clear_error();
        note_result(SSL_do_handshake(ssl_.get()));
    }
    while (open() && !failed() && !peer_closed_) {
        std::array<char, 16384> buffer;
        ERR_clear_error();
        const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (count <= 0) return note_result(count);
        plain_.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

void TlsClient::note_result(int result) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) {
        peer_closed_ = true;
    } else if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
        const char* text = ERR_reason_error_string(ERR_peek_error());
        error_ = text == nullptr ? "unknown" : text;
    }
}

void TlsClient::send(std::string_view text) {
    VMQ_ASSERT(open());
    while (!text.empty()) {
        const std::size_t size = std::min<std::size_t>(text.size(), 1U << 20U);
        VMQ_ASSERT(SSL_write(ssl_.get(), text.data(), static_cast<int>(size)) ==
                   static_cast<int>(size));
        text.remove_prefix(size);
    }
}

void TlsClient::close() { SSL_shutdown(ssl_.get()); }

void TlsClient::update_key() {
    VMQ_ASSERT(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    VMQ_ASSERT(SSL_do_handshake(ssl_.get()) == 1);
}

bool TlsClient::open() const { return SSL_is_init_finished(ssl_.get()) == 1; }

bool TlsClient::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

std::string TlsClient::server_common_name() const {
    const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    return certificate == nullptr ? "" : common_name(*certificate);
}

int TlsClient::server_key_kind() const {
    const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    return certificate == nullptr ? 0 : EVP_PKEY_get_base_id(X509_get0_pubkey(certificate));
}

}  // namespace vmq::testing
