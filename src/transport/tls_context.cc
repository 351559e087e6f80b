#include "transport/tls_context.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "transport/tls_context_state.h"
#include "transport/tls_errors.h"
#include "transport/tls_names.h"
#include "transport/tls_verify.h"

namespace vmq::transport {
namespace {

constexpr long kMaxCertificateListBytes = 64L * 1024;  // what a client may send as its chain

// SHA-256 over parts of different lengths, so that no two lists of parts look the same.
class Digest final {
public:
    Digest() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(get(), EVP_sha256(), nullptr); }

    void add(std::string_view part) {
        const std::uint64_t size = part.size();
        EVP_DigestUpdate(get(), &size, sizeof size);
        EVP_DigestUpdate(get(), part.data(), part.size());
    }
    template <typename Object, typename Encode>
    void add_encoded(Object* object, Encode encode) {
        unsigned char* bytes = nullptr;
        const int size = encode(object, &bytes);
        add({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(std::max(size, 0))});
        OPENSSL_free(bytes);
    }
    [[nodiscard]] std::array<unsigned char, 32> finish() {
        std::array<unsigned char, 32> result{};
        EVP_DigestFinal_ex(get(), result.data(), nullptr);
        return result;
    }

private:
    [[nodiscard]] EVP_MD_CTX* get() const noexcept { return context_.get(); }
    std::unique_ptr<EVP_MD_CTX, ReleaseWith<&EVP_MD_CTX_free>> context_;
};

// One load: reads everything, then makes the contexts. Each step fails with the operator's error.
class Loader final {
public:
    explicit Loader(const TlsOptions& options)
        : options_(options), state_(std::make_unique<TlsContextState>()) {}

    Result<void> run(const TlsContextState* previous) {
        for (const auto step :
             {&Loader::check_options, &Loader::read_words, &Loader::read_pairs,
              &Loader::read_client_checks, &Loader::read_psk, &Loader::make_contexts})
            if (Result<void> done = (this->*step)(); !done) return done;
        state_->takes_identity = options_.use_identity_as_username;
        if (previous != nullptr && previous->scope == state_->scope)
            state_->tickets = previous->tickets.carried_over(std::chrono::system_clock::now());
        return {};
    }

    [[nodiscard]] std::unique_ptr<TlsContextState> take() { return std::move(state_); }

private:
    Result<void> check_options();
    Result<void> read_words();
    Result<void> read_pairs();
    Result<void> read_client_checks();
    Result<void> read_psk();
    Result<void> make_contexts();

    [[nodiscard]] Result<CipherLists> choose_ciphers();
    [[nodiscard]] bool asks_for_certificate() const noexcept {
        return options_.require_certificate || options_.use_identity_as_username;
    }
    [[nodiscard]] int security_level() const noexcept {
        return versions_.lowest < TLS1_2_VERSION ? 0 : 2;
    }
    void note(std::string text) { state_->notes.notices.push_back(std::move(text)); }
    void finish_scope();
    void note_revocations_end();

    [[nodiscard]] Result<SslContextPtr> new_context();
    void set_versions(SSL_CTX& context) const;
    void set_client_checks(SSL_CTX& context);
    [[nodiscard]] Result<void> set_dh(SSL_CTX& context) const;
    [[nodiscard]] Result<void> show(SSL_CTX& context, const KeyPair& pair) const;
    [[nodiscard]] SSL_CTX* beside(const KeyPair& pair) const;

    const TlsOptions& options_;
    std::unique_ptr<TlsContextState> state_;

    CipherLists ciphers_;
    std::string groups_;
    TlsVersions versions_;
    std::vector<KeyPair> pairs_;
    std::vector<CertificatePtr> authorities_;
    std::vector<CrlPtr> lists_;
    StorePtr store_;
    KeyPtr dh_;
    Digest scope_;
};

Result<void> Loader::check_options() {
    if (options_.certificate.certfile.empty() && !options_.psk_support)
        return option_error(
            "certfile is not set: a TLS listener needs a certificate or psk_support");
    if (options_.certificate.certfile.empty() && !options_.more_certificates.empty())
        return option_error("certfile is not set, although there are further certificates");
    if (options_.cafile.empty() && asks_for_certificate())
        return option_error(fmt::format(
            "cafile is not set: {} needs the authorities that vouch for clients",
            options_.require_certificate ? "require_certificate" : "use_identity_as_username"));
    if (!options_.crlfile.empty() && !asks_for_certificate())
        note("crlfile has no effect: clients are not asked for certificates");
    if (options_.psk_support && options_.pskfile.empty())
        return option_error("pskfile is not set: psk_support needs it");
    if (options_.psk_identity_hint.size() > PskTable::kMaxIdentityBytes)
        return option_error(
            fmt::format("psk_identity_hint is longer than {} bytes", PskTable::kMaxIdentityBytes));
    if (options_.psk_support && options_.require_certificate)
        note(
            "psk_support: clients with a pre-shared key need no certificate, although "
            "require_certificate is on");
    return {};
}

Result<void> Loader::read_words() {
    Result<TlsVersions> versions = parse_versions(options_.tls_version);
    if (!versions) return versions.error();
    versions_ = std::move(versions).value();
    Result<CipherLists> ciphers = choose_ciphers();
    if (!ciphers) return ciphers.error();
    ciphers_ = std::move(ciphers).value();
    Result<std::string> groups = openssl_groups(options_.eccs, state_->notes.notices);
    if (!groups) return groups.error();
    groups_ = std::move(groups).value();
    if (security_level() == 0)
        note(
            "tls_version allows TLS 1.0 or 1.1, so OpenSSL's security level is lowered to 0: weak "
            "keys and SHA-1 signatures are accepted too");
    return {};
}

Result<CipherLists> Loader::choose_ciphers() {
    Result<CipherLists> named = split_ciphers(options_.ciphers, state_->notes.notices);
    if (!named) return named;
    CipherLists& lists = named.value();
    const bool any_named = !lists.up_to_tls12.empty() || !lists.tls13.empty();
    if (!options_.ciphers.empty() && !any_named)
        return option_error("ciphers names no suite that this OpenSSL has");
    if (any_named && lists.up_to_tls12.empty() && versions_.lowest < TLS1_3_VERSION) {
        if (!versions_.allows(TLS1_3_VERSION))
            return option_error(
                "ciphers names suites of TLS 1.3 only, tls_version does not allow it");
        note("ciphers names suites of TLS 1.3 only: older clients are refused");
        versions_ = {TLS1_3_VERSION, TLS1_3_VERSION, {}};
    }
    if (options_.psk_support && any_named && !versions_.allows(TLS1_3_VERSION) &&
        lists.up_to_tls12.find("PSK") == std::string::npos)
        note("psk_support has no effect: ciphers names no suite with PSK");
    if (lists.up_to_tls12.empty())
        lists.up_to_tls12 =
            default_ciphers(!options_.certificate.certfile.empty(), options_.psk_support);
    if (lists.tls13.empty()) lists.tls13 = default_tls13_ciphers();
    return named;
}

Result<void> Loader::read_pairs() {
    if (options_.certificate.certfile.empty()) return {};
    std::vector<TlsKeyPairFiles> all{options_.certificate};
    all.insert(all.end(), options_.more_certificates.begin(), options_.more_certificates.end());
    for (const TlsKeyPairFiles& files : all) {
        Result<KeyPair> pair = load_key_pair(files, state_->notes);
        if (!pair) return pair.error();
        state_->certificates.push_back(pair.value().info);
        pairs_.push_back(std::move(pair).value());
    }
    return {};
}

Result<void> Loader::read_client_checks() {
    if (asks_for_certificate()) {
        auto authorities = load_authorities(options_.cafile, state_->notes);
        if (!authorities) return authorities.error();
        authorities_ = std::move(authorities).value();
    }
    if (asks_for_certificate() && !options_.crlfile.empty()) {
        auto lists = load_revocations(options_.crlfile, authorities_, state_->notes);
        if (!lists) return lists.error();
        lists_ = std::move(lists).value();
        note_revocations_end();
    }
    if (!options_.dhfile.empty()) {
        auto parameters = load_dh_parameters(options_.dhfile, state_->notes);
        if (!parameters) return parameters.error();
        dh_ = std::move(parameters).value();
    }
    store_ = make_store(authorities_, lists_);
    return {};
}

void Loader::note_revocations_end() {
    for (const CrlPtr& list : lists_)
        if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list.get()); next != nullptr)
            state_->revocations_expire = std::min(state_->revocations_expire, time_of(*next));
}

Result<void> Loader::read_psk() {
    if (!options_.psk_support) return {};
    const Result<FileText> text = read_file("pskfile", options_.pskfile, state_->notes);
    if (!text) return text.error();
    if (text.value().others_may_read())
        note(
            fmt::format("pskfile {}: every user of this machine can read the keys; chmod 0600 or "
                        "0640",
                        options_.pskfile));
    auto table = PskTable::parse(text.value().bytes(), options_.pskfile_separator, options_.pskfile,
                                 state_->notes.notices);
    if (!table) return table.error();
    if (table.value().size() == 0) note(fmt::format("pskfile {}: has no key", options_.pskfile));
    state_->psk = std::move(table).value();
    scope_.add(text.value().bytes());
    return {};
}

void Loader::finish_scope() {
    for (const CertificatePtr& authority : authorities_)
        scope_.add_encoded(authority.get(), &i2d_X509);
    for (const CrlPtr& list : lists_) scope_.add_encoded(list.get(), &i2d_X509_CRL);
    scope_.add(fmt::format("{} {} {} {} {} {}", options_.depth, options_.require_certificate,
                           options_.use_identity_as_username, options_.psk_support,
                           options_.pskfile_separator, security_level()));
    scope_.add(fmt::format("{} {} {} {} {}", ciphers_.up_to_tls12, ciphers_.tls13, groups_,
                           versions_.lowest, versions_.highest));
    state_->scope = scope_.finish();
}

void Loader::set_versions(SSL_CTX& context) const {
    SSL_CTX_set_min_proto_version(&context, versions_.lowest);
    SSL_CTX_set_max_proto_version(&context, versions_.highest);
    if (!versions_.allows(TLS1_2_VERSION)) SSL_CTX_set_options(&context, SSL_OP_NO_TLSv1_2);
    if (!versions_.allows(TLS1_1_VERSION)) SSL_CTX_set_options(&context, SSL_OP_NO_TLSv1_1);
}

void Loader::set_client_checks(SSL_CTX& context) {
    SSL_CTX_set1_cert_store(&context, store_.get());
    if (!asks_for_certificate()) return;
    SSL_CTX_set_verify(
        &context,
        SSL_VERIFY_PEER | (options_.require_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        nullptr);
    SSL_CTX_set_verify_depth(&context, static_cast<int>(options_.depth));
    SSL_CTX_set_cert_verify_callback(&context, &verify_client,
                                     options_.use_identity_as_username ? &context : nullptr);
    for (const CertificatePtr& authority : authorities_)
        SSL_CTX_add_client_CA(&context, authority.get());
}

Result<void> Loader::set_dh(SSL_CTX& context) const {
    if (dh_ == nullptr) {
        SSL_CTX_set_dh_auto(&context, 1);
        return {};
    }
    EVP_PKEY_up_ref(dh_.get());
    if (SSL_CTX_set0_tmp_dh_pkey(&context, dh_.get()) == 1) return {};
    EVP_PKEY_free(dh_.get());
    return option_error(
        fmt::format("dhfile {}: OpenSSL refuses the parameters ({}); make some of "
                    "2048 bits or more",
                    options_.dhfile, take_last_reason()));
}

Result<SslContextPtr> Loader::new_context() {
    SslContextPtr made(SSL_CTX_new(TLS_server_method()));
    SSL_CTX& context = *made;
    SSL_CTX_set_security_level(&context, security_level());
    SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                      SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_early_data(&context, 0);
    SSL_CTX_set_max_cert_list(&context, kMaxCertificateListBytes);
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(&context, state_->scope.data(),
                                   static_cast<unsigned int>(state_->scope.size()));
    SSL_CTX_set_timeout(&context, std::chrono::seconds(TicketKeys::kTicketLifetime).count());
    SSL_CTX_set_num_tickets(&context, 1);  // a client keeps one; the second costs time and bytes
    set_versions(context);
    if (SSL_CTX_set_cipher_list(&context, ciphers_.up_to_tls12.c_str()) != 1 ||
        SSL_CTX_set_ciphersuites(&context, ciphers_.tls13.c_str()) != 1 ||
        SSL_CTX_set1_groups_list(&context, groups_.c_str()) != 1)
        return option_error(
            fmt::format("ciphers or eccs: OpenSSL refuses them ({})", take_last_reason()));
    set_client_checks(context);
    if (options_.psk_support && !options_.psk_identity_hint.empty())
        SSL_CTX_use_psk_identity_hint(&context, options_.psk_identity_hint.c_str());
    set_callbacks(context, *state_, options_.psk_support);
    if (Result<void> done = set_dh(context); !done) return done.error();
    return made;
}

Result<void> Loader::show(SSL_CTX& context, const KeyPair& pair) const {
    bool taken = SSL_CTX_use_certificate(&context, pair.certificate.get()) == 1 &&
                 SSL_CTX_use_PrivateKey(&context, pair.key.get()) == 1;
    for (const CertificatePtr& link : pair.chain)
        taken = taken && SSL_CTX_add1_chain_cert(&context, link.get()) == 1;
    if (taken) return {};
    return option_error(fmt::format(
        "certfile {}: OpenSSL refuses the certificate, its chain or its key ({}); RSA keys need "
        "2048 bits, signatures SHA-256",
        pair.info.file, take_last_reason()));
}

// The context of an earlier pair that has the same names and another kind of key, or null.
SSL_CTX* Loader::beside(const KeyPair& pair) const {
    const std::vector<std::string> names = host_names(*pair.certificate);
    const int kind = EVP_PKEY_get_base_id(pair.key.get());
    SSL_CTX* found = nullptr;
    for (const SslContextPtr& context : state_->contexts) {
        const X509* shown = SSL_CTX_get0_certificate(context.get());
        if (shown != nullptr && host_names(*shown) == names) found = context.get();
    }
    if (found == nullptr || EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(found)) == kind)
        return nullptr;
    return found;
}

Result<void> Loader::make_contexts() {
    finish_scope();
    if (pairs_.empty()) {
        Result<SslContextPtr> context = new_context();
        if (!context) return context.error();
        state_->contexts.push_back(std::move(context).value());
    }
    for (const KeyPair& pair : pairs_) {
        SSL_CTX* context = beside(pair);
        if (context == nullptr) {
            Result<SslContextPtr> made = new_context();
            if (!made) return made.error();
            state_->contexts.push_back(std::move(made).value());
            context = state_->contexts.back().get();
        }
        if (Result<void> done = show(*context, pair); !done) return done;
        for (const std::string& name : host_names(*pair.certificate))
            state_->add_host(name, context);
    }
    return {};
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<const TlsContextState> state) : state_(std::move(state)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsOptions& options,
                                                           const TlsContext* previous) {
    Loader loader(options);
    const Result<void> done = loader.run(previous == nullptr ? nullptr : previous->state_.get());
    ERR_clear_error();
    if (!done) return done.error();
    return std::shared_ptr<const TlsContext>(new TlsContext(loader.take()));
}

bool TlsContext::files_changed() const noexcept { return any_changed(state_->notes.files); }

bool TlsContext::ticket_key_due() const noexcept {
    return state_->tickets.due(std::chrono::system_clock::now());
}

const std::vector<std::string>& TlsContext::notices() const noexcept {
    return state_->notes.notices;
}
const std::vector<WatchedFile>& TlsContext::files() const noexcept { return state_->notes.files; }
const std::vector<CertificateInfo>& TlsContext::certificates() const noexcept {
    return state_->certificates;
}
bool TlsContext::takes_identity() const noexcept { return state_->takes_identity; }

ssl_st* TlsContext::new_connection() const { return SSL_new(state_->contexts.front().get()); }

}  // namespace vmq::transport
