#include "transport/tls_certificate.h"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <openssl/err.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <string_view>
#include <utility>

#include "transport/tls_handles.h"

namespace vmq::transport {
namespace {

constexpr std::size_t kMaxTitleBytes = 100;

// None if it is not text or holds a NUL.
std::optional<std::string> utf8_of(const ASN1_STRING& text) {
    unsigned char* converted = nullptr;
    const int size = ASN1_STRING_to_UTF8(&converted, &text);
    if (size < 0) {
        ERR_clear_error();
        return std::nullopt;
    }
    std::string result(reinterpret_cast<const char*>(converted), static_cast<std::size_t>(size));
    OPENSSL_free(converted);
    if (result.find('\0') != std::string::npos) return std::nullopt;
    return result;
}

const ASN1_STRING* common_name_of(const X509_NAME& name) {
    const int at = X509_NAME_get_index_by_NID(&name, NID_commonName, -1);
    if (at < 0) return nullptr;
    return X509_NAME_ENTRY_get_data(X509_NAME_get_entry(&name, at));
}

std::string common_name_text(const X509_NAME& name) {
    const ASN1_STRING* text = common_name_of(name);
    return text == nullptr ? std::string() : utf8_of(*text).value_or(std::string());
}

GeneralNamesPtr alternative_names_of(const X509& certificate) {
    return GeneralNamesPtr(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
}

template <typename Visit>
void for_each_alternative_name(const X509& certificate, Visit visit) {
    const GeneralNamesPtr names = alternative_names_of(certificate);
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int type = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
        if (!visit(type, static_cast<const ASN1_STRING*>(value))) break;
    }
}

std::string address_text(const ASN1_STRING& address) {
    const unsigned char* bytes = ASN1_STRING_get0_data(&address);
    const int size = ASN1_STRING_length(&address);
    if (size == 4) return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
    std::string text;
    for (int i = 0; i + 1 < size; i += 2)
        text += fmt::format("{}{:x}", i == 0 ? "" : ":", bytes[i] << 8U | bytes[i + 1]);
    return text;
}

std::optional<std::string> alternative_name_text(int type, const ASN1_STRING* value) {
    switch (type) {
        case GEN_DNS:
            return "DNS:" + utf8_of(*value).value_or("?");
        case GEN_EMAIL:
            return "email:" + utf8_of(*value).value_or("?");
        case GEN_URI:
            return "URI:" + utf8_of(*value).value_or("?");
        case GEN_IPADD:
            return "IP:" + address_text(*value);
        default:
            return std::nullopt;
    }
}

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::string serial_of(const X509& certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(&certificate);
    std::string text;
    for (int i = 0; i < ASN1_STRING_length(serial); ++i)
        text += fmt::format("{:02x}", ASN1_STRING_get0_data(serial)[i]);
    return text;
}

std::tm calendar_of(const ASN1_TIME& time) {
    std::tm result{};
    if (ASN1_TIME_to_tm(&time, &result) != 1) ERR_clear_error();
    return result;
}

}  // namespace

CertificateInfo describe(const X509& certificate, const std::string& file) {
    CertificateInfo info;
    info.file = file;
    info.not_before = time_of(*X509_get0_notBefore(&certificate));
    info.not_after = time_of(*X509_get0_notAfter(&certificate));
    info.common_name = common_name_text(*X509_get_subject_name(&certificate));
    info.issuer_common_name = common_name_text(*X509_get_issuer_name(&certificate));
    for_each_alternative_name(certificate, [&info](int type, const ASN1_STRING* value) {
        if (auto text = alternative_name_text(type, value)) {
            info.alternative_names.push_back(std::move(*text));
        }
        return true;
    });
    return info;
}

Result<std::optional<std::string>> identity_of(const X509& certificate) {
    const ASN1_STRING* chosen = common_name_of(*X509_get_subject_name(&certificate));
    const GeneralNamesPtr names =
        chosen == nullptr ? alternative_names_of(certificate) : GeneralNamesPtr();
    for (int i = 0; chosen == nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int type = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
        if (type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI)
            chosen = static_cast<const ASN1_STRING*>(value);
    }
    if (chosen == nullptr) return std::optional<std::string>();
    std::optional<std::string> text = utf8_of(*chosen);
    if (!text)
        return Error{ErrorCode::InvalidValue, "its name is not valid UTF-8 or contains a NUL"};
    if (text->empty()) text.reset();
    return text;
}

std::vector<std::string> host_names(const X509& certificate) {
    std::vector<std::string> names;
    for_each_alternative_name(certificate, [&names](int type, const ASN1_STRING* value) {
        if (type == GEN_DNS) {
            if (auto text = utf8_of(*value)) names.push_back(lower_case(std::move(*text)));
        }
        return true;
    });
    if (names.empty()) {
        std::string common_name = common_name_text(*X509_get_subject_name(&certificate));
        if (!common_name.empty()) names.push_back(lower_case(std::move(common_name)));
    }
    return names;
}

std::string title_of(const X509& certificate) {
    return fmt::format("{}, serial {}", title_of(*X509_get_subject_name(&certificate)),
                       serial_of(certificate));
}

std::string title_of(const X509_NAME& name) {
    const std::string common_name = common_name_text(name);
    if (!common_name.empty()) return "CN=" + printable(common_name);
    const BioPtr text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), &name, 0, XN_FLAG_RFC2253);
    const char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return size <= 0 ? "no name" : printable({data, static_cast<std::size_t>(size)});
}

WallTime time_of(const ASN1_TIME& time) {
    std::tm calendar = calendar_of(time);
    return std::chrono::system_clock::from_time_t(::timegm(&calendar));
}

std::string text_of(const ASN1_TIME& time) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", calendar_of(time));
}

std::string printable(std::string_view text) {
    std::string result;
    for (const char c : text.substr(0, kMaxTitleBytes)) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    if (text.size() > kMaxTitleBytes) result += "...";
    return result;
}

}  // namespace vmq::transport
