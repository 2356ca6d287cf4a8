/* no_symbol.c - a shared library that is no plugin. */
int no_symbol_here(void);
int no_symbol_here(void)
{
    return 0;
}
