#include "transport/tls_client_context.h"

#include <fmt/core.h>
#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "transport/peer_address.h"
#include "transport/tls_errors.h"
#include "transport/tls_names.h"
#include "transport/tls_verify.h"

namespace vmq::transport {

/// Filled by load(), constant from then on.
struct TlsClientContextState {
    SslContextPtr context;
    TlsLoadNotes notes;
};

namespace {

constexpr long kMaxServerCertificateListBytes = 64L * 1024;  // what a server may send as its chain
constexpr int kSecurityLevel = 2;

/// One load. Each step fails with the operator's error.
class ClientLoader final {
public:
    explicit ClientLoader(const TlsClientOptions& options)
        : options_(options), state_(std::make_unique<TlsClientContextState>()) {}

    Result<void> run() {
        state_->context.reset(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_security_level(&context(), kSecurityLevel);
        SSL_CTX_set_options(&context(),
                            SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
        SSL_CTX_set_mode(&context(), SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(&context(), SSL_SESS_CACHE_OFF);
        SSL_CTX_set_max_cert_list(&context(), kMaxServerCertificateListBytes);
        for (const auto step :
             {&ClientLoader::set_words, &ClientLoader::set_checks, &ClientLoader::set_certificate})
            if (Result<void> done = (this->*step)(); !done) return done;
        return {};
    }

    [[nodiscard]] std::unique_ptr<TlsClientContextState> take() { return std::move(state_); }

private:
    [[nodiscard]] SSL_CTX& context() noexcept { return *state_->context; }
    Result<void> set_words();
    Result<void> set_checks();
    Result<void> set_certificate();

    const TlsClientOptions& options_;
    std::unique_ptr<TlsClientContextState> state_;
};

Result<void> ClientLoader::set_words() {
    const Result<TlsVersions> parsed = parse_versions(options_.tls_version);
    if (!parsed) return parsed.error();
    const TlsVersions& versions = parsed.value();
    if (versions.highest < TLS1_2_VERSION)
        return option_error("tls_version allows neither TLS 1.2 nor 1.3: add one of them");
    SSL_CTX_set_min_proto_version(&context(), std::max(versions.lowest, TLS1_2_VERSION));
    SSL_CTX_set_max_proto_version(&context(), versions.highest);
    Result<CipherLists> named = split_ciphers(options_.ciphers, state_->notes.notices);
    if (!named) return named.error();
    CipherLists& lists = named.value();
    if (!options_.ciphers.empty() && lists.up_to_tls12.empty() && lists.tls13.empty())
        return option_error("ciphers names no suite that this OpenSSL has");
    if (lists.up_to_tls12.empty()) lists.up_to_tls12 = default_ciphers(true, false);
    if (lists.tls13.empty()) lists.tls13 = default_tls13_ciphers();
    const Result<std::string> groups = openssl_groups(options_.eccs, state_->notes.notices);
    if (!groups) return groups.error();
    if (SSL_CTX_set_cipher_list(&context(), lists.up_to_tls12.c_str()) == 1 &&
        SSL_CTX_set_ciphersuites(&context(), lists.tls13.c_str()) == 1 &&
        SSL_CTX_set1_groups_list(&context(), groups.value().c_str()) == 1)
        return {};
    return option_error(
        fmt::format("ciphers or eccs: OpenSSL refuses them ({})", take_last_reason()));
}

Result<void> ClientLoader::set_checks() {
    if (options_.cafile.empty())
        return option_error("cafile is not set: it has the authorities that vouch for servers");
    const auto authorities = load_authorities(options_.cafile, state_->notes);
    if (!authorities) return authorities.error();
    std::vector<CrlPtr> lists;
    if (!options_.crlfile.empty()) {
        auto loaded = load_revocations(options_.crlfile, authorities.value(), state_->notes);
        if (!loaded) return loaded.error();
        lists = std::move(loaded).value();
    }
    const StorePtr store = make_store(authorities.value(), lists);
    SSL_CTX_set1_cert_store(&context(), store.get());
    SSL_CTX_set_verify(&context(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_verify_depth(&context(), static_cast<int>(options_.depth));
    SSL_CTX_set_cert_verify_callback(&context(), &verify_server, nullptr);
    return {};
}

Result<void> ClientLoader::set_certificate() {
    if (options_.certificate.certfile.empty()) return {};
    const Result<KeyPair> loaded = load_key_pair(options_.certificate, state_->notes);
    if (!loaded) return loaded.error();
    const KeyPair& pair = loaded.value();
    bool taken = SSL_CTX_use_certificate(&context(), pair.certificate.get()) == 1 &&
                 SSL_CTX_use_PrivateKey(&context(), pair.key.get()) == 1;
    for (const CertificatePtr& link : pair.chain)
        taken = taken && SSL_CTX_add1_chain_cert(&context(), link.get()) == 1;
    if (taken) return {};
    return option_error(fmt::format(
        "certfile {}: OpenSSL refuses the certificate, its chain or its key ({}); RSA keys need "
        "2048 bits, signatures SHA-256",
        pair.info.file, take_last_reason()));
}

}  // namespace

TlsClientContext::TlsClientContext(std::unique_ptr<const TlsClientContextState> state)
    : state_(std::move(state)) {}
TlsClientContext::~TlsClientContext() = default;

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::load(
    const TlsClientOptions& options) {
    ClientLoader loader(options);
    const Result<void> done = loader.run();
    ERR_clear_error();
    if (!done) return done.error();
    return std::shared_ptr<const TlsClientContext>(new TlsClientContext(loader.take()));
}

bool TlsClientContext::files_changed() const noexcept { return any_changed(state_->notes.files); }
const std::vector<std::string>& TlsClientContext::notices() const noexcept {
    return state_->notes.notices;
}

ssl_st* TlsClientContext::new_connection(const std::string& host) const {
    VMQ_ASSERT(!host.empty());  // OpenSSL would take any certificate then
    SslPtr ssl(SSL_new(state_->context.get()));
    if (ssl == nullptr) return nullptr;
    bool set = false;
    if (canonical_ipv4(host) || canonical_ipv6(host)) {
        set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1;
    } else {
        SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        set = SSL_set1_host(ssl.get(), host.c_str()) == 1 &&
              SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
    }
    return set ? ssl.release() : nullptr;
}

}  // namespace vmq::transport
