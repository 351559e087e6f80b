#include "support/tls/test_certificates.h"

#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "base/assert.h"

namespace vmq::testing {
namespace {

using transport::BioPtr;
using transport::CrlPtr;

constexpr long kSecondsPerDay = 24L * 3600;

std::string text_of(BIO& bio) {
    const char* data = nullptr;
    const long size = BIO_get_mem_data(&bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

transport::KeyPtr make_key(const CertificateSpec& spec) {
    EVP_PKEY* key = spec.key == CertificateSpec::Key::Ec
                        ? EVP_EC_gen("P-256")
                        : EVP_RSA_gen(static_cast<unsigned int>(spec.rsa_bits));
    VMQ_ASSERT(key != nullptr);
    return transport::KeyPtr(key);
}

long next_serial() {
    static std::atomic<long> last{1000};
    return ++last;
}

void add_extension(X509& certificate, X509& issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    VMQ_ASSERT(extension != nullptr);
    VMQ_ASSERT(X509_add_ext(&certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

}  // namespace

std::string TestCertificate::pem() const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    VMQ_ASSERT(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
    return text_of(*bio);
}

std::string TestCertificate::key_pem(const std::string& password) const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    VMQ_ASSERT(PEM_write_bio_PKCS8PrivateKey(
                   bio.get(), key.get(), password.empty() ? nullptr : EVP_aes_128_cbc(),
                   password.empty() ? nullptr : password.c_str(), static_cast<int>(password.size()),
                   nullptr, nullptr) == 1);
    return text_of(*bio);
}

TestCertificate make_certificate(const CertificateSpec& spec, const TestCertificate* issuer) {
    TestCertificate made{transport::CertificatePtr(X509_new()), make_key(spec)};
    X509& certificate = *made.certificate;
    X509& parent = issuer == nullptr ? certificate : *issuer->certificate;
    X509_set_version(&certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(&certificate), next_serial());
    X509_gmtime_adj(X509_getm_notBefore(&certificate), spec.begins_in_days * kSecondsPerDay);
    X509_gmtime_adj(X509_getm_notAfter(&certificate), spec.ends_in_days * kSecondsPerDay);
    if (!spec.common_name.empty())
        X509_NAME_add_entry_by_NID(X509_get_subject_name(&certificate), NID_commonName,
                                   spec.common_name_type,
                                   reinterpret_cast<const unsigned char*>(spec.common_name.data()),
                                   static_cast<int>(spec.common_name.size()), -1, 0);
    X509_set_issuer_name(&certificate, X509_get_subject_name(&parent));
    X509_set_pubkey(&certificate, made.key.get());
    add_extension(certificate, parent, NID_basic_constraints,
                  spec.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, parent, NID_subject_key_identifier, "hash");
    if (!spec.alternative_names.empty())
        add_extension(certificate, parent, NID_subject_alt_name, spec.alternative_names);
    EVP_PKEY* signer = issuer == nullptr ? made.key.get() : issuer->key.get();
    VMQ_ASSERT(X509_sign(&certificate, signer, EVP_sha256()) > 0);
    return made;
}

std::string make_crl(const TestCertificate& issuer,
                     const std::vector<const TestCertificate*>& revoked, int begins_in_days,
                     int ends_in_days) {
    const CrlPtr list(X509_CRL_new());
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
    ASN1_TIME* time = ASN1_TIME_new();
    X509_CRL_set1_lastUpdate(list.get(), X509_gmtime_adj(time, begins_in_days * kSecondsPerDay));
    X509_CRL_set1_nextUpdate(list.get(), X509_gmtime_adj(time, ends_in_days * kSecondsPerDay));
    for (const TestCertificate* certificate : revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate->certificate.get()));
        X509_REVOKED_set_revocationDate(entry, X509_gmtime_adj(time, -1));
        X509_CRL_add0_revoked(list.get(), entry);
    }
    ASN1_TIME_free(time);
    X509_CRL_sort(list.get());
    VMQ_ASSERT(X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256()) > 0);
    const BioPtr bio(BIO_new(BIO_s_mem()));
    VMQ_ASSERT(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1);
    return text_of(*bio);
}

std::string make_dh_parameters() {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr);
    EVP_PKEY* group = nullptr;
    VMQ_ASSERT(EVP_PKEY_paramgen_init(context) == 1);
    VMQ_ASSERT(EVP_PKEY_CTX_set_dh_nid(context, NID_ffdhe2048) == 1);
    VMQ_ASSERT(EVP_PKEY_paramgen(context, &group) == 1);
    const transport::KeyPtr parameters(group);
    EVP_PKEY_CTX_free(context);
    const BioPtr bio(BIO_new(BIO_s_mem()));
    VMQ_ASSERT(PEM_write_bio_Parameters(bio.get(), parameters.get()) == 1);
    return text_of(*bio);
}

std::string write_private(const std::string& folder, const std::string& name,
                          std::string_view text) {
    const std::string path = folder + "/" + name;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    VMQ_ASSERT(::chmod(path.c_str(), 0600) == 0);
    file << text;
    file.close();
    VMQ_ASSERT(file.good());
    return path;
}

}  // namespace vmq::testing
