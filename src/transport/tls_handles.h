// Owners of OpenSSL's objects, for the files that talk to it.
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace vmq::transport {

template <auto Release>
struct ReleaseWith {
    template <typename Object>
    void operator()(Object* object) const noexcept {
        Release(object);
    }
};

using BioPtr = std::unique_ptr<BIO, ReleaseWith<&BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, ReleaseWith<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, ReleaseWith<&X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, ReleaseWith<&X509_CRL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, ReleaseWith<&X509_STORE_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, ReleaseWith<&GENERAL_NAMES_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, ReleaseWith<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, ReleaseWith<&SSL_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, ReleaseWith<&EVP_CIPHER_free>>;

}  // namespace vmq::transport
