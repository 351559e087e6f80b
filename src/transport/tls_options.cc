#include "transport/tls_options.h"

#include <cstddef>

#include "config/typed_settings.h"

namespace vmq::transport {

TlsOptions tls_options_from(const config::ListenerSettings& configured,
                            std::vector<std::string>& warnings) {
    const config::TlsSettings& tls = configured.tls;
    TlsOptions options;
    options.certificate = {tls.certfile, tls.keyfile, tls.keypasswd};
    if (!tls.more_keyfiles.empty() && tls.more_keyfiles.size() != tls.more_certfiles.size()) {
        warnings.push_back(config::listener_key(configured.kind, configured.name) +
                           ": more_certfiles and more_keyfiles have not the same number of files");
    }
    for (std::size_t i = 0; i < tls.more_certfiles.size(); ++i) {
        options.more_certificates.push_back(
            {tls.more_certfiles[i],
             i < tls.more_keyfiles.size() ? tls.more_keyfiles[i] : std::string(), tls.keypasswd});
    }
    options.cafile = tls.cafile;
    options.crlfile = tls.crlfile;
    options.depth = tls.depth;
    options.require_certificate = tls.require_certificate;
    options.use_identity_as_username = tls.use_identity_as_username;
    options.ciphers = tls.ciphers;
    options.eccs = tls.eccs;
    options.tls_version = tls.tls_versions;
    options.dhfile = tls.dhfile;
    options.psk_support = tls.psk_support;
    options.psk_identity_hint = tls.psk_identity_hint;
    options.pskfile = tls.pskfile;
    if (!tls.pskfile_separator.empty()) options.pskfile_separator = tls.pskfile_separator.front();
    return options;
}

}  // namespace vmq::transport
