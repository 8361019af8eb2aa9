/* elf_file: see elf_file.h.  Structures are copied out of the bytes, never pointed at, since
 * nothing promises that they are aligned. */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Phdr) elf_segment;
typedef ElfW(Shdr) elf_section;
typedef ElfW(Dyn) elf_dynamic;
typedef ElfW(Sym) elf_symbol;

#if defined(__x86_64__)
#define ELF_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define ELF_MACHINE EM_AARCH64
#elif defined(__riscv)
#define ELF_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define ELF_MACHINE EM_PPC64
#elif defined(__s390x__)
#define ELF_MACHINE EM_S390
#elif defined(__i386__)
#define ELF_MACHINE EM_386
#elif defined(__arm__)
#define ELF_MACHINE EM_ARM
#endif

struct elf_view {
    const unsigned char *data;
    size_t len;
    elf_header header;
};

static int elf_refuse(struct elf_reason *why, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int elf_refuse(struct elf_reason *why, const char *remedy, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why->reason, sizeof why->reason, fmt, args);
    va_end(args);
    (void)snprintf(why->remedy, sizeof why->remedy, "%s", remedy);
    return -1;
}

static int elf_truncated(struct elf_reason *why, size_t len)
{
    return elf_refuse(why, "copy or build the file again",
                      "is cut short: its headers speak of bytes past its end at %zu", len);
}

static int elf_damaged(struct elf_reason *why, const char *what)
{
    return elf_refuse(why, "copy or build the file again", "is damaged: %s", what);
}

/* Are size bytes at offset inside a whole of len bytes? */
static int fits(uint64_t offset, uint64_t size, uint64_t len)
{
    return offset <= len && size <= len - offset;
}

static int elf_check_header(struct elf_view *v, struct elf_reason *why)
{
    static const char rebuild[] = "build the plugin on a machine like this one";
    const unsigned char *ident = v->data;

    if (v->len < SELFMAG || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return elf_refuse(why, "remove it, or build the plugin again", "is not a shared object%s",
                          v->len == 0 ? ": it is empty" : "");
    if (v->len < sizeof v->header)
        return elf_truncated(why, v->len);
    memcpy(&v->header, v->data, sizeof v->header);
    if (ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return elf_refuse(why, rebuild, "is a %s-bit file, and sluice is a %d-bit program",
                          ident[EI_CLASS] == ELFCLASS32   ? "32"
                          : ident[EI_CLASS] == ELFCLASS64 ? "64"
                                                          : "?",
                          (int)sizeof(void *) * 8);
    if (ident[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
        return elf_refuse(why, rebuild, "is built for another byte order");
    if (ident[EI_VERSION] != EV_CURRENT || v->header.e_version != EV_CURRENT)
        return elf_damaged(why, "its ELF version is unknown");
#ifdef ELF_MACHINE
    if (v->header.e_machine != ELF_MACHINE)
        return elf_refuse(why, rebuild, "is built for another processor (ELF machine %u, this one is %u)",
                          (unsigned)v->header.e_machine, (unsigned)ELF_MACHINE);
#endif
    if (v->header.e_type != ET_DYN)
        return elf_refuse(why, "link it as a module: libtool -module -shared, or cc -shared",
                          "is not a shared object but ELF type %u%s", (unsigned)v->header.e_type,
                          v->header.e_type == ET_REL ? " (an object file)" : "");
    return 0;
}

static int elf_read_segment(const struct elf_view *v, size_t i, elf_segment *out)
{
    uint64_t at = v->header.e_phoff + (uint64_t)i * sizeof *out;

    if (!fits(at, sizeof *out, v->len))
        return -1;
    memcpy(out, v->data + at, sizeof *out);
    return 0;
}

/* One segment by itself; highest is the end of the load segments so far. */
static int elf_check_segment(const struct elf_view *v, const elf_segment *s, uint64_t *highest,
                             struct elf_reason *why)
{
    if (!fits(s->p_offset, s->p_filesz, v->len))
        return elf_truncated(why, v->len);
    if (s->p_type != PT_LOAD)
        return 0;
    if (s->p_filesz > s->p_memsz)
        return elf_damaged(why, "a segment is larger in the file than in memory");
    if (s->p_vaddr > UINT64_MAX / 2 || s->p_memsz > UINT64_C(1) << 40)
        return elf_damaged(why, "a segment has an absurd address or size");
    if (s->p_align > 1 &&
        ((s->p_align & (s->p_align - 1)) != 0 || ((s->p_vaddr ^ s->p_offset) & (s->p_align - 1)) != 0))
        return elf_damaged(why, "a segment is not aligned as it says");
    if (s->p_vaddr < *highest)
        return elf_damaged(why, "its segments overlap or are out of order");
    *highest = s->p_vaddr + s->p_memsz;
    return 0;
}

/* Is [address, address + size) inside the part of one load segment that the file holds? */
static int elf_backed(const struct elf_view *v, uint64_t address, uint64_t size)
{
    elf_segment s;
    size_t i;

    for (i = 0; i < v->header.e_phnum; i++)
        if (elf_read_segment(v, i, &s) == 0 && s.p_type == PT_LOAD && address >= s.p_vaddr &&
            fits(address - s.p_vaddr, size, s.p_filesz))
            return 1;
    return 0;
}

static int elf_backed_or_none(const struct elf_view *v, uint64_t address, uint64_t size)
{
    return address == 0 || size == 0 || elf_backed(v, address, size);
}

/* The tables that the dynamic linker follows blindly must lie in the file. */
static int elf_check_dynamic(const struct elf_view *v, const elf_segment *dynamic, struct elf_reason *why)
{
    uint64_t value[DT_NUM] = {0};
    uint64_t i, n = dynamic->p_filesz / sizeof(elf_dynamic);
    int ended = 0;

    if (!elf_backed(v, dynamic->p_vaddr, dynamic->p_filesz))
        return elf_damaged(why, "its dynamic section is in no segment");
    for (i = 0; i < n && !ended; i++) {
        elf_dynamic d;

        memcpy(&d, v->data + dynamic->p_offset + i * sizeof d, sizeof d);
        ended = d.d_tag == DT_NULL;
        if (d.d_tag > 0 && d.d_tag < DT_NUM)
            value[d.d_tag] = d.d_un.d_val;
    }
    if (!ended)
        return elf_damaged(why, "its dynamic section has no end");
    if (value[DT_STRTAB] == 0 || value[DT_SYMTAB] == 0 || !elf_backed(v, value[DT_STRTAB], value[DT_STRSZ]) ||
        !elf_backed(v, value[DT_SYMTAB], sizeof(elf_symbol)))
        return elf_damaged(why, "its symbol table is outside of the file");
    if (!elf_backed_or_none(v, value[DT_RELA], value[DT_RELASZ]) ||
        !elf_backed_or_none(v, value[DT_REL], value[DT_RELSZ]) ||
        !elf_backed_or_none(v, value[DT_JMPREL], value[DT_PLTRELSZ]))
        return elf_damaged(why, "its relocations are outside of the file");
    return 0;
}

int elf_check(const unsigned char *data, size_t len, struct elf_reason *why)
{
    struct elf_view v;
    elf_segment s, dynamic;
    uint64_t highest = 0;
    size_t i;
    int loads = 0, dynamics = 0;

    memset(&v, 0, sizeof v);
    v.data = data;
    v.len = len;
    memset(&dynamic, 0, sizeof dynamic);
    if (elf_check_header(&v, why) != 0)
        return -1;
    if (v.header.e_phentsize != sizeof s || v.header.e_phnum == 0 || v.header.e_phnum == PN_XNUM)
        return elf_damaged(why, "it has no program headers that make sense");
    if (!fits(v.header.e_phoff, (uint64_t)v.header.e_phnum * sizeof s, len))
        return elf_truncated(why, len);
    /* The section headers stand at the end as a rule, so this sees every cut. */
    if (v.header.e_shoff != 0 &&
        !fits(v.header.e_shoff, (uint64_t)v.header.e_shnum * v.header.e_shentsize, len))
        return elf_truncated(why, len);
    for (i = 0; i < v.header.e_phnum; i++) {
        if (elf_read_segment(&v, i, &s) != 0)
            return elf_truncated(why, len);
        if (elf_check_segment(&v, &s, &highest, why) != 0)
            return -1;
        loads += s.p_type == PT_LOAD;
        if (s.p_type == PT_DYNAMIC) {
            dynamic = s;
            dynamics++;
        }
    }
    if (loads == 0)
        return elf_damaged(why, "it has nothing to load");
    if (dynamics != 1)
        return elf_damaged(why, "it has no dynamic section");
    return elf_check_dynamic(&v, &dynamic, why);
}

unsigned char *elf_read(const char *path, size_t *len, struct elf_reason *why)
{
    struct stat st;
    unsigned char *data = NULL;
    size_t got = 0;
    ssize_t n = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        (void)elf_refuse(why, "check that it exists and that you may read it", "cannot be opened: %s",
                         strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)elf_refuse(why, "name the .so file itself", "is not a regular file");
    } else if (st.st_size < 0 || (uint64_t)st.st_size > ELF_MAX_FILE) {
        (void)elf_refuse(why, "strip it: `strip --strip-unneeded`", "is larger than %zu MiB",
                         ELF_MAX_FILE >> 20);
    } else if ((data = malloc((size_t)st.st_size + 1)) == NULL) {
        (void)elf_refuse(why, "free some memory", "does not fit into memory");
    } else {
        while (got < (size_t)st.st_size && (n = read(fd, data + got, (size_t)st.st_size - got)) > 0)
            got += (size_t)n;
        *len = got;
        if (n < 0) {
            (void)elf_refuse(why, "check the disk", "cannot be read: %s", strerror(errno));
            free(data);
            data = NULL;
        }
    }
    (void)close(fd);
    return data;
}

static int elf_read_section(const struct elf_view *v, size_t i, elf_section *out)
{
    uint64_t at = v->header.e_shoff + (uint64_t)i * sizeof *out;

    if (i >= v->header.e_shnum || !fits(at, sizeof *out, v->len))
        return -1;
    memcpy(out, v->data + at, sizeof *out);
    return 0;
}

static int is_exported(const elf_symbol *s)
{
    unsigned bind = ELF64_ST_BIND(s->st_info), visibility = ELF64_ST_VISIBILITY(s->st_other);

    return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && (bind == STB_GLOBAL || bind == STB_WEAK) &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

int elf_exports(const unsigned char *data, size_t len, void (*each)(void *context, const char *name),
                void *context)
{
    struct elf_view v;
    elf_section section, names;
    elf_symbol symbol;
    size_t i;
    uint64_t at;
    int found = 0;

    if (len < sizeof v.header)
        return -1;
    memset(&v, 0, sizeof v);
    v.data = data;
    v.len = len;
    memcpy(&v.header, data, sizeof v.header);
    if (v.header.e_shoff == 0 || v.header.e_shentsize != sizeof section)
        return -1;
    for (i = 0; elf_read_section(&v, i, &section) == 0; i++)
        if (section.sh_type == SHT_DYNSYM)
            break;
    if (i >= v.header.e_shnum || elf_read_section(&v, section.sh_link, &names) != 0 ||
        !fits(section.sh_offset, section.sh_size, len) || !fits(names.sh_offset, names.sh_size, len))
        return -1;
    for (at = 0; at + sizeof symbol <= section.sh_size; at += sizeof symbol) {
        const unsigned char *name;

        memcpy(&symbol, data + section.sh_offset + at, sizeof symbol);
        if (!is_exported(&symbol) || symbol.st_name >= names.sh_size)
            continue;
        name = data + names.sh_offset + symbol.st_name;
        if (memchr(name, '\0', names.sh_size - symbol.st_name) == NULL)
            return -1;
        each(context, (const char *)name);
        found++;
    }
    return found;
}
