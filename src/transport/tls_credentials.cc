#include "transport/tls_credentials.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace vmq::transport {
namespace {

Error invalid(const std::string& option, const std::string& path, const std::string& what) {
    return {ErrorCode::InvalidValue, fmt::format("{} {}: {}", option, path, what)};
}

BioPtr reader_of(const FileText& text) {
    return BioPtr(BIO_new_mem_buf(text.bytes().data(), static_cast<int>(text.bytes().size())));
}

// Whether the reader stopped because there is no further PEM block, rather than at a broken one.
bool stopped_at_end() {
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// All objects of one kind in a PEM file; `what` names the kind.
template <typename Pointer, typename Read>
Result<std::vector<Pointer>> read_all_of(const FileText& text, Read read, const std::string& option,
                                         const std::string& path, std::string_view what) {
    const BioPtr reader = reader_of(text);
    std::vector<Pointer> all;
    ERR_clear_error();
    while (auto* object = read(reader.get(), nullptr, nullptr, nullptr)) all.emplace_back(object);
    if (!stopped_at_end())
        return invalid(option, path,
                       fmt::format("the {} number {} in it is damaged", what, all.size() + 1));
    if (all.empty()) return invalid(option, path, fmt::format("has no {} in PEM format", what));
    return all;
}

Result<std::vector<CertificatePtr>> read_certificates(const FileText& text,
                                                      const std::string& option,
                                                      const std::string& path) {
    return read_all_of<CertificatePtr>(text, &PEM_read_bio_X509, option, path, "certificate");
}

void note_validity(const X509& certificate, const std::string& option, const std::string& path,
                   TlsLoadNotes& notes) {
    const ASN1_TIME* before = X509_get0_notBefore(&certificate);
    const ASN1_TIME* after = X509_get0_notAfter(&certificate);
    if (X509_cmp_current_time(after) < 0) {
        notes.notices.push_back(fmt::format("{} {}: the certificate ({}) expired on {}; renew it",
                                            option, path, title_of(certificate), text_of(*after)));
    } else if (X509_cmp_current_time(before) > 0) {
        notes.notices.push_back(fmt::format("{} {}: the certificate ({}) is not valid before {}",
                                            option, path, title_of(certificate), text_of(*before)));
    }
}

// What OpenSSL asks for while it decrypts a key, and whether it did.
struct Password {
    const std::string& text;
    bool asked = false;
};

int give_password(char* buffer, int size, int /*writing*/, void* context) {
    auto& password = *static_cast<Password*>(context);
    password.asked = true;
    const std::string& text = password.text;
    if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
    std::copy(text.begin(), text.end(), buffer);
    return static_cast<int>(text.size());
}

Result<KeyPtr> read_key(const FileText& text, const std::string& option, const std::string& path,
                        const std::string& keypasswd) {
    const BioPtr reader = reader_of(text);
    Password password{keypasswd};
    KeyPtr key(PEM_read_bio_PrivateKey(reader.get(), nullptr, &give_password, &password));
    if (key != nullptr) return key;
    ERR_clear_error();
    if (password.asked && keypasswd.empty())
        return invalid(option, path, "the key is encrypted; set keypasswd to its password");
    if (password.asked)
        return invalid(option, path, "the password in keypasswd does not open the key");
    if (text.bytes().find("PRIVATE KEY-----") == std::string::npos)
        return invalid(option, path, "has no private key in PEM format");
    return invalid(option, path, "the private key in it is damaged");
}

std::string names_of(const KeyPair& pair) {
    return pair.info.common_name.empty() ? "its certificate" : "CN=" + pair.info.common_name;
}

Result<KeyPtr> load_key(const TlsKeyPairFiles& files, TlsLoadNotes& notes) {
    const bool own_file = !files.keyfile.empty();
    const std::string option = own_file ? "keyfile" : "certfile";
    const std::string& path = own_file ? files.keyfile : files.certfile;
    const Result<FileText> text = read_file(option, path, notes);
    if (!text) return text.error();
    Result<KeyPtr> key = read_key(text.value(), option, path, files.keypasswd);
    if (!key && !own_file)
        return Error{key.error().code, key.error().detail + "; set keyfile if it is elsewhere"};
    if (key && text.value().others_may_read())
        notes.notices.push_back(fmt::format(
            "{} {}: every user of this machine can read the private key; chmod 0600 or 0640",
            option, path));
    return key;
}

const X509* find_issuer(const X509_CRL& list, const std::vector<CertificatePtr>& authorities) {
    const auto found = std::find_if(authorities.begin(), authorities.end(),
                                    [&list](const CertificatePtr& authority) {
                                        return X509_NAME_cmp(X509_get_subject_name(authority.get()),
                                                             X509_CRL_get_issuer(&list)) == 0;
                                    });
    return found == authorities.end() ? nullptr : found->get();
}

// Several certificates may bear the issuer's name, for instance after a change of its key.
bool is_signed_by_one_of(X509_CRL& list, const std::vector<CertificatePtr>& authorities) {
    const bool found = std::any_of(
        authorities.begin(), authorities.end(), [&list](const CertificatePtr& authority) {
            return X509_NAME_cmp(X509_get_subject_name(authority.get()),
                                 X509_CRL_get_issuer(&list)) == 0 &&
                   X509_CRL_verify(&list, X509_get0_pubkey(authority.get())) == 1;
        });
    ERR_clear_error();
    return found;
}

void note_crl_validity(const X509_CRL& list, const std::string& path, TlsLoadNotes& notes) {
    const ASN1_TIME* next = X509_CRL_get0_nextUpdate(&list);
    if (next != nullptr && X509_cmp_current_time(next) < 0)
        notes.notices.push_back(fmt::format(
            "crlfile {}: the list of {} expired on {}; clients it is for are refused until a new "
            "one is in place",
            path, title_of(*X509_CRL_get_issuer(&list)), text_of(*next)));
}

void note_uncovered(const std::vector<CrlPtr>& lists,
                    const std::vector<CertificatePtr>& authorities, const std::string& path,
                    TlsLoadNotes& notes) {
    for (const CertificatePtr& authority : authorities) {
        const X509_NAME* name = X509_get_subject_name(authority.get());
        const bool covered = std::any_of(lists.begin(), lists.end(), [name](const CrlPtr& list) {
            return X509_NAME_cmp(name, X509_CRL_get_issuer(list.get())) == 0;
        });
        if (!covered)
            notes.notices.push_back(
                fmt::format("crlfile {}: has no list of {}; clients whose certificate it issued "
                            "itself are refused",
                            path, title_of(*name)));
    }
}

}  // namespace

Result<KeyPair> load_key_pair(const TlsKeyPairFiles& files, TlsLoadNotes& notes) {
    const std::string& path = files.certfile;
    const Result<FileText> text = read_file("certfile", path, notes);
    if (!text) return text.error();
    Result<std::vector<CertificatePtr>> certificates =
        read_certificates(text.value(), "certfile", path);
    if (!certificates) return certificates.error();
    KeyPair pair;
    pair.chain = std::move(certificates).value();
    pair.certificate = std::move(pair.chain.front());
    pair.chain.erase(pair.chain.begin());
    pair.info = describe(*pair.certificate, path);
    note_validity(*pair.certificate, "certfile", path, notes);
    Result<KeyPtr> key = load_key(files, notes);
    if (!key) return key.error();
    pair.key = std::move(key).value();
    if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
        ERR_clear_error();
        return invalid("keyfile", files.keyfile.empty() ? path : files.keyfile,
                       fmt::format("the key does not belong to the first certificate in {} ({})",
                                   path, names_of(pair)));
    }
    return pair;
}

Result<CertificateInfo> describe_certificate_file(const std::string& certfile) {
    TlsLoadNotes notes;
    const Result<FileText> text = read_file("certfile", certfile, notes);
    if (!text) return text.error();
    const Result<std::vector<CertificatePtr>> certificates =
        read_certificates(text.value(), "certfile", certfile);
    if (!certificates) return certificates.error();
    return describe(*certificates.value().front(), certfile);
}

Result<std::vector<CertificatePtr>> load_authorities(const std::string& cafile,
                                                     TlsLoadNotes& notes) {
    const Result<FileText> text = read_file("cafile", cafile, notes);
    if (!text) return text.error();
    Result<std::vector<CertificatePtr>> all = read_certificates(text.value(), "cafile", cafile);
    if (all) {
        for (const CertificatePtr& authority : all.value())
            note_validity(*authority, "cafile", cafile, notes);
    }
    return all;
}

Result<std::vector<CrlPtr>> load_revocations(const std::string& crlfile,
                                             const std::vector<CertificatePtr>& authorities,
                                             TlsLoadNotes& notes) {
    const Result<FileText> text = read_file("crlfile", crlfile, notes);
    if (!text) return text.error();
    Result<std::vector<CrlPtr>> lists = read_all_of<CrlPtr>(text.value(), &PEM_read_bio_X509_CRL,
                                                            "crlfile", crlfile, "revocation list");
    if (!lists) return lists;
    for (const CrlPtr& list : lists.value()) {
        if (find_issuer(*list, authorities) != nullptr && !is_signed_by_one_of(*list, authorities))
            return invalid("crlfile", crlfile,
                           fmt::format("the list of {} is not signed by that authority's key in "
                                       "cafile; fetch it again",
                                       title_of(*X509_CRL_get_issuer(list.get()))));
        note_crl_validity(*list, crlfile, notes);
    }
    note_uncovered(lists.value(), authorities, crlfile, notes);
    return lists;
}

Result<KeyPtr> load_dh_parameters(const std::string& dhfile, TlsLoadNotes& notes) {
    const Result<FileText> text = read_file("dhfile", dhfile, notes);
    if (!text) return text.error();
    const BioPtr reader = reader_of(text.value());
    KeyPtr parameters(PEM_read_bio_Parameters(reader.get(), nullptr));
    ERR_clear_error();
    if (parameters == nullptr || EVP_PKEY_get_base_id(parameters.get()) != EVP_PKEY_DH)
        return invalid("dhfile", dhfile,
                       "has no DH parameters in PEM format; `openssl dhparam -out FILE 2048` makes "
                       "such a file");
    return parameters;
}

}  // namespace vmq::transport
